"""What a network costs before anything is trained: parameters and multiply-adds per layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import (
    _ConvNd,  # pyright: ignore[reportPrivateUsage]
    _ConvTransposeNd,  # pyright: ignore[reportPrivateUsage]
)

from spikedistill.core.evaluation import evaluation


def parameter_count(network: nn.Module) -> int:
    """Number of trainable and frozen parameters; buffers are not counted."""
    return sum(parameter.numel() for parameter in network.parameters())


class ProductLayer(nn.Module):
    """A layer of one's own of which every output sums `weight[0].numel()` products."""

    weight: Tensor


def multiplies(module: nn.Module) -> bool:
    """Whether a module is a layer whose multiply-adds are counted."""
    return isinstance(module, _ConvNd | nn.Linear | ProductLayer)


def products(layer: nn.Module, x: Tensor, y: Tensor) -> int:
    """Multiply-adds of one call of a layer that `multiplies`, from `x` to `y`."""
    assert isinstance(layer.weight, Tensor)
    positions = x if isinstance(layer, _ConvTransposeNd) else y
    return positions.numel() * layer.weight[0].numel()


def macs_per_layer(network: nn.Module, shape: Sequence[int]) -> dict[str, int]:
    """Multiply-adds of each convolution and linear layer for one image and one time step.

    One dry run on an image of zeros, in evaluation mode; the mode of every module is restored. A
    layer that is called several times is counted as often. Biases, norms, neurons and pooling are
    not counted, as in the tables of the literature.

    Args:
        network: any network; spiking ones see one time step.
        shape: `(C, H, W)` of one input.

    Returns:
        Dotted path of the layer -> multiply-adds, in the order in which the layers ran.

    Example:
        >>> macs_per_layer(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1)), (3, 4, 4))
        {'0': 3456}
    """
    counts: dict[str, int] = {}

    def count(name: str):
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            counts[name] = counts.get(name, 0) + products(layer, inputs[0], output)

        return hook

    hooks = [
        layer.register_forward_hook(count(name))
        for name, layer in network.named_modules()
        if multiplies(layer)
    ]
    like = next(network.parameters(), torch.empty(0))
    try:
        with torch.no_grad(), evaluation(network):
            network(torch.zeros(1, *shape, device=like.device, dtype=like.dtype))
    finally:
        for hook in hooks:
            hook.remove()
    return counts


def macs(network: nn.Module, shape: Sequence[int]) -> int:
    """Multiply-adds of the whole network for one image and one time step; see `macs_per_layer`."""
    return sum(macs_per_layer(network, shape).values())
