"""Networks that take images only in torch's ordinary memory order.

Images are kept in channels_last, in which convolutions on a CPU are faster. A forward that flattens
maps by `x.view(len(x), -1)` stumbles over it; such a network says so by an attribute, and its
inputs and weights stay as torch has them by default. So does one with a convolution at which torch
itself breaks down (`breaks_down`).
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


FEW_CHANNELS = 16
"""Floats in the widest register of a CPU."""


def breaks_down(network: nn.Module) -> bool:
    """Whether a network has a convolution that spoils the memory of the process in channels_last.

    With torch 2.13 on a CPU the gradient of the weights of a convolution with a kernel of 1 and a
    stride, as shortcuts have, writes where it must not if its input has fewer channels than a
    register holds floats (seen for 1 to 7 on AVX2): the process is killed, or its numbers are
    wrong.
    """
    return any(
        isinstance(layer, nn.Conv2d)
        and layer.kernel_size == (1, 1)
        and max(layer.stride) > 1
        and layer.in_channels < FEW_CHANNELS
        for layer in network.modules()
    )


def keep_contiguous(network: nn.Module) -> None:
    """Note that a network takes no channels_last memory; its weights are put back as well."""
    setattr(network, CONTIGUOUS, True)
    _lay(network, torch.contiguous_format)


def channels_last(network: nn.Module) -> None:
    """Put kernels of images, and buffers of their form, into channels_last memory, in place.

    What has other than 4 axes stays as it is: torch has no such order for kernels of volumes.
    """
    _lay(network, torch.channels_last)


def _lay(network: nn.Module, order: torch.memory_format) -> None:
    for value in (*network.parameters(), *network.buffers()):
        if value.ndim == 4:
            value.data = value.data.clone(memory_format=order)


@contextmanager
def weights_as_trained(network: nn.Module) -> Generator[None, None, None]:
    """A block in which kernels lie in memory as they will in training."""
    kernels = [one for one in network.parameters() if one.ndim == 4]
    if needs_contiguous(network) or not all(one.is_contiguous() for one in kernels):
        yield
        return
    channels_last(network)
    try:
        yield
    finally:
        _lay(network, torch.contiguous_format)


def is_about_layout(error: BaseException | None) -> bool:
    """Whether torch says that a `view` met values in another order of memory than it expects."""
    return isinstance(error, RuntimeError) and "view size is not compatible" in str(error)
