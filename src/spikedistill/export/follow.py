"""Reading a trained network as one flat graph, without what only training needs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from spikedistill.conversion.twin import Balanced
from spikedistill.core.answers import CHOSEN
from spikedistill.core.clock import Temporal, temporal_layers
from spikedistill.core.copied import copied
from spikedistill.core.normalized import Normalized
from spikedistill.core.probe import Probe
from spikedistill.export.channels import PerChannel

_IDLE = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout,
         nn.FeatureAlphaDropout, Probe)  # fmt: skip
"""What does nothing in evaluation."""


class _Inliner(fx.Tracer):
    """Follows every forward but those of layers and of modules that cannot be followed."""

    def __init__(self, opaque: set[nn.Module]) -> None:
        super().__init__()
        self.opaque = opaque
        self.culprit: tuple[nn.Module, Exception] | None = None

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        leaf = isinstance(m, Temporal | Balanced | PerChannel | Probe | _BatchNorm)
        return leaf or m in self.opaque or super().is_leaf_module(m, module_qualified_name)

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception as error:  # whatever a forward that asks for values stumbles over
            self.culprit = self.culprit or (m, error)
            raise


class _Whole(nn.Module):
    """A network that cannot be followed at all, as one call."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Any) -> Any:
        return self.network(x)


def follow(network: nn.Module) -> tuple[fx.GraphModule, list[str]]:
    """A copy of a network as a graph of layers, in evaluation mode and without gradients.

    Input normalisations and the thresholds of a twin become gains and offsets per channel; dropout
    and probes go. Paths stay, so that a place in the graph is a place in the network.

    Returns:
        The graph, and a sentence for each module whose forward could not be followed: it stays
        as it is, and nothing inside it is folded.
    """
    root = _prepared(network)
    opaque: set[nn.Module] = set()
    notes: list[str] = []
    while True:
        tracer = _Inliner(opaque)
        try:
            graph = fx.GraphModule(root, tracer.trace(root), type(network).__name__)
            break
        except Exception as error:
            module, reason = tracer.culprit or (root, error)
            paths = {m: path for path, m in root.named_modules()}
            name = paths.get(module) or "the network itself"
            said = (str(reason).strip().splitlines() or [type(reason).__name__])[0]
            notes.append(
                f"{name} ({type(module).__name__}) stays as it is, with all layers inside it: "
                f"torch.fx could not follow its forward ({said})"
            )
            opaque.add(module)
            if module is root:
                root = _Whole(root)
    if hasattr(network, CHOSEN):
        _answer_only(graph, getattr(network, CHOSEN))
    _drop_idle(graph)
    _split_thresholds(graph)
    graph.graph.lint()
    graph.recompile()
    return graph.eval(), notes


def _answer_only(graph: fx.GraphModule, chosen: Any) -> None:
    """Return the chosen one of several outputs alone, and compute no other."""
    setattr(graph, CHOSEN, chosen)  # where one opaque module returns them all
    output = next(node for node in graph.graph.nodes if node.op == "output")
    returned = output.args[0]
    if isinstance(returned, tuple | list | dict):
        output.args = (returned[chosen],)
        graph.graph.eliminate_dead_code()
        graph.delete_all_unused_submodules()


def replaced(graph: fx.GraphModule, node: fx.Node) -> None:
    """Take a node out of the graph; whoever read it reads its first input."""
    node.replace_all_uses_with(node.args[0])  # type: ignore[arg-type]
    graph.graph.erase_node(node)


def called(graph: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """The module that a node calls; None for other nodes."""
    return graph.get_submodule(str(node.target)) if node.op == "call_module" else None


def _prepared(network: nn.Module) -> nn.Module:
    root = copied(network).eval()
    for module in root.modules():
        module._forward_hooks.clear()  # whoever watches the network does not watch its copy
        if parametrize.is_parametrized(module):
            _make_plain(module)
    for path, module in list(root.named_modules()):
        if isinstance(module, Normalized):
            gain = 1 / module.std
            first = PerChannel(gain, -module.mean * gain)
            parts = nn.Sequential(OrderedDict(normalise=first, network=module.network)).eval()
            if not path:
                root = parts
            else:
                root.set_submodule(path, parts)
    return root.requires_grad_(False)


def _make_plain(module: nn.Module) -> None:
    """Parametrised weights as the numbers that they are now.

    `remove_parametrizations` takes the weight from the class, which a copy shares with its
    original, and so would break the original.
    """
    names = list(module.parametrizations)  # type: ignore[call-overload]
    values = {name: getattr(module, name).detach() for name in names}
    del module.parametrizations
    module.__class__ = type(module).__bases__[0]
    for name, value in values.items():
        module.register_parameter(name, nn.Parameter(value))


def _drop_idle(graph: fx.GraphModule) -> None:
    for node in list(graph.graph.nodes):
        if type(called(graph, node)) in _IDLE:
            replaced(graph, node)
    graph.delete_all_unused_submodules()


def _split_thresholds(graph: fx.GraphModule) -> None:
    """The layers of a twin: a gain, which can be folded, and then plain neurons."""
    for node in list(graph.graph.nodes):
        module = called(graph, node)
        if not isinstance(module, Balanced):
            continue
        path = str(node.target)
        scale = PerChannel((module.unit / module.threshold).reshape(1), None)
        graph.add_submodule(f"{path}.scale", scale)
        with graph.graph.inserting_before(node):
            current = graph.graph.call_module(f"{path}.scale", node.args)
            spikes = graph.graph.call_module(f"{path}.neuron", (current,))
        node.replace_all_uses_with(spikes)
        graph.graph.erase_node(node)


def untold(graph: fx.GraphModule) -> list[str]:
    """Paths of called modules that have temporal layers inside, which the graph does not show."""
    return [
        str(node.target)
        for node in graph.graph.nodes
        if (module := called(graph, node)) is not None
        and not isinstance(module, Temporal)
        and temporal_layers(module)
    ]


class Shapes(fx.Interpreter):
    """Runs a graph on an example and notes the shape of every value (`node.meta["shape"]`)."""

    def run_node(self, n: fx.Node) -> Any:
        """Run one node and note what it returned."""
        value = super().run_node(n)
        if isinstance(value, torch.Tensor):
            n.meta["shape"] = tuple(value.shape)
        return value
