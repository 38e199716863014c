"""What a network costs before anything is trained: parameters and multiply-adds per layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import (
    _ConvNd,  # pyright: ignore[reportPrivateUsage]
    _ConvTransposeNd,  # pyright: ignore[reportPrivateUsage]
)

from spikedistill.core.clock import Temporal
from spikedistill.core.evaluation import evaluation
from spikedistill.core.over_time import run_folded
from spikedistill.core.products import Counts, ProductLayer
from spikedistill.core.tree import Inputs, first, mapped
from spikedistill.costs.functional import Product, Watch


def parameter_count(network: nn.Module) -> int:
    """Number of trainable and frozen parameters; buffers are not counted."""
    return sum(parameter.numel() for parameter in network.parameters())


def multiplies(module: nn.Module) -> bool:
    """Whether a module is a layer whose multiply-adds are counted."""
    return isinstance(module, _ConvNd | nn.Linear | ProductLayer)


def counted(module: nn.Module) -> bool:
    """Whether a module is counted by itself, as a layer or as neurons, and not by what it calls."""
    return multiplies(module) or (isinstance(module, Temporal) and module.fires is not None)


def stated(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Counts | None:
    """What a layer itself says that a call computes; None for most layers."""
    return layer.counts(inputs, output) if isinstance(layer, ProductLayer) else None


def products(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> int:
    """Multiply-adds of one call of a layer that `multiplies`, from `inputs` to `output`."""
    told = stated(layer, inputs, output)
    return by_weight(layer, inputs[0], output) if told is None else sum(told)


def by_weight(layer: nn.Module, x: Tensor, y: Tensor) -> int:
    """Multiply-adds of one call from `x` to `y`, as the weight of a layer says."""
    assert isinstance(layer.weight, Tensor)
    positions = x if isinstance(layer, _ConvTransposeNd) else y
    return positions.numel() * layer.weight[0].numel()


def macs_per_layer(network: nn.Module, inputs: Inputs, timesteps: int = 1) -> dict[str, int]:
    """Multiply-adds of each convolution and product for one sample and one time step.

    One dry run in evaluation mode; the mode of every module is restored. A layer that is called
    several times is counted as often. Biases, norms, neurons and pooling are not counted, as in
    the tables of the literature; other layers say themselves what they compute (`ProductLayer`).
    Convolutions and products that a forward calls as functions are counted too (`Watch`), and so
    are attention and recurrent layers.

    Args:
        network: any network.
        inputs: a raw batch of one step, `[B, ...]`, of which the first sample is run.
        timesteps: T of the dry run, for networks that cannot be run for one step.

    Returns:
        Dotted path of the layer, or `path: function` -> multiply-adds, in the order in which they
        ran.

    Example:
        >>> macs_per_layer(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1)), torch.zeros(1, 3, 4, 4))
        {'0': 3456}
    """
    counts: dict[str, int] = {}

    def count(name: str):
        def hook(layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
            counts[name] = counts.get(name, 0) + products(layer, given, output)

        return hook

    hooks = [
        layer.register_forward_hook(count(name))
        for name, layer in network.named_modules()
        if multiplies(layer)
    ]
    like = next(network.parameters(), first(inputs))

    def one(value: Tensor) -> Tensor:
        kind = like.dtype if value.is_floating_point() else value.dtype
        return value[None, :1].to(like.device, kind)

    def note(product: Product) -> None:
        counts[product.path] = counts.get(product.path, 0) + product.macs

    try:
        with torch.no_grad(), evaluation(network), Watch(network, counted, note):
            run_folded(network, mapped(one, inputs), timesteps)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: count // timesteps for name, count in counts.items()}


def macs(network: nn.Module, inputs: Inputs, timesteps: int = 1) -> int:
    """Multiply-adds of the whole network for one sample and time step; see `macs_per_layer`."""
    return sum(macs_per_layer(network, inputs, timesteps).values())
