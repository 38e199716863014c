"""Networks in a wrapper that changes how they are run, and not what they compute."""

from __future__ import annotations

import torch
from torch import nn


def unwrapped(network: nn.Module) -> nn.Module:
    """The network inside of what `torch.compile`, `DataParallel` and the like return.

    Example:
        >>> unwrapped(nn.DataParallel(nn.ReLU()))
        ReLU()
    """
    while True:
        inside = _inside(network)
        if inside is None:
            return network
        network = inside


def _inside(network: nn.Module) -> nn.Module | None:
    if isinstance(network, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return network.module
    if isinstance(network, torch.jit.ScriptModule):
        return None
    return network._modules.get("_orig_mod")  # the name under which a compiled one keeps it
