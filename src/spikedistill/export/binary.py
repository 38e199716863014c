"""Which layers of a graph see nothing but spikes, and their int8 form."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Self

import torch
from torch import Tensor, fx, nn

from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.export.fold import place
from spikedistill.export.follow import called
from spikedistill.export.integer import IntegerLayer, cannot
from spikedistill.export.stem import Repeat
from spikedistill.neurons import Neuron

_KEEPS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AdaptiveMaxPool2d, nn.Flatten, nn.Unflatten,
          nn.ZeroPad2d, nn.ZeroPad3d, nn.ChannelShuffle, nn.PixelShuffle, Repeat)  # fmt: skip
"""Layers that return 0 and 1 for 0 and 1."""
_KEEPING = ("flatten", "reshape", "view", "permute", "transpose", "contiguous", "unsqueeze",
            "squeeze", "max_pool2d", "boolean_dispatch", "cat", "mul")  # fmt: skip
"""Functions and methods that do; the product of two spikes is one."""


class OnlySpikes(nn.Module):
    """Passes 0 and 1; for an int8 layer whose input was only seen, and not shown, to be that."""

    def __init__(self, layer: str) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, values: Tensor) -> Tensor:
        """The values.

        Raises:
            SpikedistillError: if one is neither 0 nor 1.
        """
        if not torch.equal(values, values.square()):
            raise SpikedistillError(
                f"{self.layer} has int8 weights for inputs of 0 and 1, and in this batch it gets "
                "other numbers; leave it out of int8_layers"
            )
        return values


class Watch:
    """Notes, while it is open, which convolutions and linear layers see nothing but 0 and 1."""

    def __init__(self, graph: fx.GraphModule) -> None:
        self.graph = graph
        self.binary: dict[str, bool] = {}
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> Self:
        """Start to look."""
        for path, module in self.graph.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                hook = functools.partial(self._see, path)
                self._hooks.append(module.register_forward_pre_hook(hook))
        return self

    def _see(self, path: str, _module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen = torch.equal(inputs[0], inputs[0].square())
        self.binary[path] = self.binary.get(path, True) and seen

    def __exit__(self, *error: object) -> None:
        """Look no more."""
        for hook in self._hooks:
            hook.remove()


def integers(
    graph: fx.GraphModule, seen: dict[str, bool], wanted: Iterable[str] | None
) -> list[str]:
    """Give int8 weights to the layers whose input is spikes, in place.

    Args:
        graph: folded.
        seen: layer -> whether its input was binary on the example (`Watch`).
        wanted: exactly these layers; None: all whose input is spikes whatever the images are,
            because between a layer of neurons and them only pooling of maxima, padding with zeros
            and new shapes happen. A wanted layer of which that cannot be shown is checked at
            every call.

    Returns:
        A sentence for each layer that stays float.

    Raises:
        SpikedistillError: if a wanted layer does not exist, has no integer form, or gets real
            numbers.
    """
    sites = {
        str(node.target): node
        for node in graph.graph.nodes
        if isinstance(called(graph, node), nn.modules.conv._ConvNd | nn.Linear)
    }
    for name in () if wanted is None else wanted:
        if name not in sites:
            known = suggest(name, sites)
            raise SpikedistillError(f"int8_layers names {name!r}, which is no layer here; {known}")
    notes: list[str] = []
    certain: dict[fx.Node, bool] = {}
    for name, node in sites.items():
        reason = _refusal(graph, node, seen, wanted is not None and name in wanted, certain)
        if wanted is not None and name not in wanted:
            continue
        if reason and wanted is not None:
            raise SpikedistillError(f"{name} cannot have int8 weights: {reason}")
        if reason:
            notes.append(f"{name} stays float: {reason}")
        else:
            _replace(graph, node, certain[node.args[0]])  # type: ignore[index]
    graph.graph.lint()
    graph.recompile()
    return notes


def _refusal(
    graph: fx.GraphModule,
    node: fx.Node,
    seen: dict[str, bool],
    demanded: bool,
    certain: dict[fx.Node, bool],
) -> str:
    """Why a layer stays float, or nothing."""
    source = node.args[0]
    assert isinstance(source, fx.Node)
    layer = called(graph, node)
    assert layer is not None
    if reason := cannot(layer):
        return reason
    origin = _origin(graph, source)
    if not seen.get(str(node.target), False):
        return f"its input is not 0 and 1 but real numbers; it comes from {origin}"
    if spikes(graph, source, certain) or demanded:
        return ""
    return (
        f"its input comes from {origin} and was 0 or 1 on the example, but need not be on other "
        "images; name it in int8_layers to have int8 with a check at every call"
    )


def spikes(graph: fx.GraphModule, node: fx.Node, known: dict[fx.Node, bool]) -> bool:
    """Whether a value is 0 or 1 whatever the images are."""
    if node not in known:
        module = called(graph, node)
        name = str(getattr(node.target, "__name__", node.target))
        passes = isinstance(module, _KEEPS) or _picks(module)
        if node.op in ("call_function", "call_method"):
            passes = name in _KEEPING
        parents = [parent for parent in node.all_input_nodes if _carries(parent)]
        known[node] = isinstance(module, Neuron) or (
            passes and bool(parents) and all(spikes(graph, parent, known) for parent in parents)
        )
    return known[node]


def _carries(node: fx.Node) -> bool:
    """Whether a node is a tensor, not a size."""
    return str(node.target) not in ("size", "dim") and "getattr" not in str(node.target)


def _picks(module: nn.Module | None) -> bool:
    """Average pooling over windows of one pixel only picks pixels."""
    return isinstance(module, nn.AvgPool2d) and module.kernel_size in (1, (1, 1))


def _origin(graph: fx.GraphModule, node: fx.Node) -> str:
    """Where real numbers come from: past layers that only hand on."""
    while isinstance(called(graph, node), (*_KEEPS, OnlySpikes)) and node.all_input_nodes:
        node = node.all_input_nodes[0]
    return place(graph, node)


def _replace(graph: fx.GraphModule, node: fx.Node, certain: bool) -> None:
    path = str(node.target)
    layer = graph.get_submodule(path)
    if isinstance(layer, IntegerLayer):  # called twice, and replaced at its first call
        return
    if not certain:
        graph.add_submodule(f"{path}_input", OnlySpikes(path))
        with graph.graph.inserting_before(node):
            checked = graph.graph.call_module(f"{path}_input", (node.args[0],))
        node.replace_input_with(node.args[0], checked)  # type: ignore[arg-type]
    graph.add_submodule(path, IntegerLayer(layer))  # type: ignore[arg-type]
