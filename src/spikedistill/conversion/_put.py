"""Neurons put into a network, wherever it looks for what they replace."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from spikedistill.core.unregistered import replace_unregistered


def put(network: nn.Module, neurons: Mapping[str, nn.Module]) -> None:
    """Put neurons in their places: at their paths, and where the network keeps the same in lists.

    torch's own encoder layers compute ReLU without calling it where they are only asked for
    answers, and are told not to.

    Args:
        network: changed in place.
        neurons: path -> what stands there afterwards.
    """
    was = {id(network.get_submodule(path)): new for path, new in neurons.items()}
    for path, new in neurons.items():
        network.set_submodule(path, new)
    replace_unregistered(network, was)
    for module in network.modules():
        if getattr(module, "activation_relu_or_gelu", 0):
            module.activation_relu_or_gelu = 0  # type: ignore[assignment]
