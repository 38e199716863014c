"""Networks that take images only in torch's ordinary memory order.

Images are kept in channels_last, in which convolutions on a CPU are faster. A forward that flattens
maps by `x.view(len(x), -1)` stumbles over it; such a network says so by an attribute, and its
inputs and weights stay as torch has them by default.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import nn

from spikedistill.core.tree import CONTIGUOUS


def needs_contiguous(network: nn.Module) -> bool:
    """Whether a network was found to take no channels_last memory."""
    return bool(getattr(network, CONTIGUOUS, False))


def keep_contiguous(network: nn.Module) -> None:
    """Note that a network takes no channels_last memory; its weights are put back as well."""
    setattr(network, CONTIGUOUS, True)
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


@contextmanager
def weights_as_trained(network: nn.Module) -> Generator[None, None, None]:
    """A block in which kernels lie in memory as they will in training."""
    kernels = [one for one in network.parameters() if one.ndim == 4]
    if needs_contiguous(network) or not all(one.is_contiguous() for one in kernels):
        yield
        return
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    try:
        yield
    finally:
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


def is_about_layout(error: BaseException | None) -> bool:
    """Whether torch says that a `view` met values in another order of memory than it expects."""
    return isinstance(error, RuntimeError) and "view size is not compatible" in str(error)
