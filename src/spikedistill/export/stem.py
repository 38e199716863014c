"""Where one step of a still image becomes all steps: everything before is computed once."""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

from spikedistill.core.clock import Temporal, temporal_layers
from spikedistill.export.follow import called

Kinds = dict[str, bool | None]
"""Name of a value -> None: none of the input; False: one step that stands for all; True: all."""


class Repeat(Temporal):
    """One step as all T: where a value of the stem meets values of all steps."""

    expandable = True

    def forward(self, folded: Tensor) -> Tensor:
        """`[B, ...]` to `[T * B, ...]` where it expands; else the same."""
        if not self.expands:
            return folded
        return torch.cat([folded] * self.timesteps)  # keeps channels_last, as flatten would not


def share_stem(graph: fx.GraphModule) -> tuple[tuple[Temporal, ...], Kinds]:
    """Compute what comes before the first neurons once, also where paths pass none of them.

    A value of the stem that meets values of all steps (a shortcut around the first neurons) is
    repeated there, so no layer of the stem is computed more than once. In place.

    Returns:
        The layers that repeat their one step, and the kind of every value; no layers where a
        number (a size) would have to be repeated: then the input is.
    """
    kinds: dict[fx.Node, bool | None] = {}
    first: dict[Temporal, None] = {}
    copies: dict[fx.Node, fx.Node] = {}
    for node in list(graph.graph.nodes):
        if node.op == "placeholder":
            kinds[node] = False
            continue
        module = called(graph, node)
        inputs = {kinds[parent] for parent in node.all_input_nodes} - {None}
        kind = inputs.pop() if len(inputs) == 1 else (True if inputs else None)
        repeats = isinstance(module, Temporal) and module.expandable
        hidden = module is not None and bool(temporal_layers(module)) and not repeats
        ends = node.op == "output" and bool(temporal_layers(graph))
        if repeats and kind is False:
            first[module] = None  # type: ignore[index]
            kind = True
        elif inputs or ((hidden or ends) and kind is False):  # two kinds meet, or all are needed
            for parent in node.all_input_nodes:
                if kinds[parent] is False and not _tensor(parent):
                    return (), {n.name: n.op != "placeholder" for n in graph.graph.nodes}
                if kinds[parent] is False:
                    copied = _repeated(graph, parent, node, copies)
                    kinds[copied] = True
                    first[called(graph, copied)] = None  # type: ignore[index]
            kind = True
        kinds[node] = kind
    graph.graph.lint()
    graph.recompile()
    return tuple(first), {node.name: kind for node, kind in kinds.items()}


def _tensor(node: fx.Node) -> bool:
    """Whether a value is a tensor for certain."""
    if node.op == "call_function":
        return getattr(node.target, "__name__", "") in ("add", "iadd", "relu", "mul", "cat")
    return node.op in ("call_module", "placeholder")


def _repeated(
    graph: fx.GraphModule, node: fx.Node, reader: fx.Node, copies: dict[fx.Node, fx.Node]
) -> fx.Node:
    """The value of a node for all steps, for one reader."""
    if node not in copies:
        path = f"repeat{len(copies) + 1}"
        layer: nn.Module = Repeat()
        graph.add_submodule(path, layer)
        with graph.graph.inserting_after(node):
            copies[node] = graph.graph.call_module(path, (node,))
    reader.replace_input_with(node, copies[node])
    return copies[node]
