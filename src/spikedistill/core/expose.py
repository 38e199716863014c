"""Giving every activation call of a network a module of its own.

A spiking twin needs one neuron per *call* of an activation, and an activation may be a module that
is called once, a module that is called twice, or a plain function. `expose` rewrites a network so
that only the first kind is left; it still computes what it computed before.

Each module's own forward is traced alone, with everything below it as one call, and only where it
calls a function or the same activation again is it replaced by the rewritten one. So the tree of
modules stays as it was: every path, parameter and attribute keeps its name.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from spikedistill.core.activations import (
    RECTIFIERS,
    UNARY,
    calls_activation,
    form_of,
    is_activation,
    is_activation_function,
)
from spikedistill.core.clock import Temporal
from spikedistill.core.islands import Sea, rectifiers
from spikedistill.core.known import harmless_module, unknown, values
from spikedistill.core.own_activations import is_builtin, own_activations
from spikedistill.core.own_graph import UntraceableError, in_place, name_of, own_graphs
from spikedistill.core.probe import Probe
from spikedistill.core.products import ProductLayer

UNKNOWN = "not followed, so what it computes with real numbers is not known"


@dataclass(frozen=True)
class Exposed:
    """What `expose` found."""

    sites: tuple[str, ...]
    """Path of the module of every activation call."""
    real_valued: tuple[str, ...]
    """`path: operation` of everything that is neither known to be harmless (`core.known`) nor an
    activation to expose; `path (Class): not followed, ...` where nothing is known."""
    untraced: tuple[str, ...]
    """`path (Class): reason` of every module whose own forward could not be followed."""


def expose(network: nn.Module, activations: tuple[type[nn.Module], ...] = RECTIFIERS) -> Exposed:
    """Give every call of an activation in a network its own module, in place.

    Args:
        network: changed in place; its outputs stay what they were.
        activations: which activations to look for, as modules; their functional forms count too.
    """
    exposer = _Exposer(network, activations)
    exposer.visit(network)
    sites = [path for path, module in network.named_modules() if id(module) in exposer.claimed]
    return Exposed(tuple(sites), tuple(exposer.real_valued), tuple(exposer.untraced))


class Call(nn.Module):
    """A functional activation as a module: `function(x, *args, **kwargs)`, or a method by name."""

    def __init__(
        self, function: Callable[..., Tensor] | str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        super().__init__()
        self.function, self.args, self.kwargs = function, args, kwargs

    def forward(self, x: Tensor) -> Tensor:
        """The activation of `x`, of the same shape."""
        if isinstance(self.function, str):
            return getattr(x, self.function)(*self.args, **self.kwargs)
        return self.function(x, *self.args, **self.kwargs)

    @property
    def form(self) -> type[nn.Module]:
        """The activation as a class of torch; of operations written by hand a ReLU."""
        name = self.function if isinstance(self.function, str) else self.function.__name__
        return form_of(name) or nn.ReLU

    def extra_repr(self) -> str:
        """Shown when the network is printed."""
        return self.function if isinstance(self.function, str) else self.function.__name__


class _Piece:
    """Several operations as one function, with the parameters of the module that they are in."""

    def __init__(self, owner: nn.Module, graph: fx.Graph) -> None:
        self.owner, self.graph = owner, graph
        self.__name__ = ", ".join(filter(None, map(name_of, graph.nodes)))

    def __call__(self, x: Tensor) -> Tensor:
        return fx.Interpreter(self.owner, graph=self.graph).run(x)


@dataclass
class _Site:
    """One call of an activation in the graph of a module."""

    node: fx.Node
    input: fx.Node
    own: str | None
    """The module at this path serves this call alone; None: the call needs a new one."""
    later: list[fx.Node] = field(default_factory=list)
    """Nodes that read the input after the activation has overwritten it in place."""
    piece: fx.GraphModule | None = None
    """Several operations that are an activation together, as a module."""

    @property
    def form(self) -> tuple[str, ...]:
        """What is called, to compare the graphs of training and evaluation."""
        pieces = () if self.piece is None else (str(n.target) for n in self.piece.graph.nodes)
        return (self.node.op, str(self.node.target), *pieces)


class _Exposer:
    def __init__(self, network: nn.Module, activations: tuple[type[nn.Module], ...]) -> None:
        self.activations = activations
        self.claimed: set[int] = set()
        self.real_valued: list[str] = []
        self.untraced: list[str] = []
        self._rectifies = issubclass(nn.ReLU, activations)
        self._whole = own_activations(network, activations) if self._rectifies else []
        self._seen: set[int] = set()
        self._classes: dict[tuple[object, ...], type[nn.Module]] = {}
        self._separate(network)
        self._paths = {id(module): path for path, module in network.named_modules()}

    def _separate(self, network: nn.Module) -> None:
        """Give every place where one activation module is registered a module of its own."""
        met: set[int] = set()
        for parent in list(network.modules()):
            for name, child in parent._modules.items():  # named_children() skips repetitions
                if child is not None and self._activates(child):
                    if id(child) in met:
                        parent._modules[name] = self._copied(child)
                    met.add(id(child))

    def _copied(self, activation: nn.Module) -> nn.Module:
        new = copy.deepcopy(activation)
        if self._is_whole(activation):
            self._whole.append(new)
        return new

    def _is_whole(self, module: nn.Module) -> bool:
        return any(module is whole for whole in self._whole)

    def _activates(self, module: nn.Module) -> bool:
        known = is_activation(module, self.activations) or self._is_whole(module)
        exposed = isinstance(module, Call) and issubclass(module.form, self.activations)
        return known or exposed or id(module) in self.claimed

    def visit(self, module: nn.Module) -> None:
        """Expose the activations that this module and those below it call."""
        if id(module) in self._seen or id(module) in self.claimed:
            return
        self._seen.add(id(module))
        if isinstance(module, Temporal | Probe):
            return
        if is_builtin(module):
            if not harmless_module(module):
                self.real_valued.append(f"{self._path(module)}: {type(module).__name__}")
            return
        try:
            self._follow(module, own_graphs(module))
        except UntraceableError as reason:
            self._leave(module, reason)

    def _leave(self, module: nn.Module, reason: UntraceableError) -> None:
        """Take the activations that a module registers, where its forward cannot be followed."""
        kind = getattr(module, "original_name", type(module).__name__)  # of a script module
        name = f"{self._path(module)} ({kind})"
        self.untraced.append(f"{name}: {reason}")
        script = isinstance(module, torch.jit.ScriptModule)
        if not script:
            self._register(module)
        for child in () if script else _registered(module):
            if self._activates(child):
                self.claimed.add(id(child))
            else:
                self.visit(child)
        if not isinstance(module, ProductLayer):  # which says itself what it computes
            self.real_valued.append(f"{name}: {UNKNOWN}")

    def _register(self, module: nn.Module) -> None:
        """Make modules of activations that a module keeps as functions, as `activation=F.relu`."""
        for name, value in list(vars(module).items()):
            if is_activation_function(value, self.activations):
                added = Call(value, (), {})
                delattr(module, name)
                module.add_module(name, added)
                self._paths[id(added)] = ".".join(filter(None, (self._paths[id(module)], name)))
                self.claimed.add(id(added))

    def _follow(self, module: nn.Module, graphs: list[fx.Graph]) -> None:
        found = [self._sites(module, graph) for graph in graphs]
        plans, notes = [sites for sites, _ in found], [note for _, names in found for note in names]
        steady = [_steady(module, graph) for graph in graphs]
        if any(site.own is None or site.later for plan in plans for site in plan):
            if len({tuple(site.form for site in plan) for plan in plans}) > 1:
                raise UntraceableError("it calls other activations in training than in evaluation")
            self._rewrite(module, graphs, plans)
        for plan in plans:
            self.claimed |= {id(module.get_submodule(s.own)) for s in plan if s.own is not None}
        for graph, fixed in zip(graphs, steady, strict=True):
            for node in graph.nodes:
                if node.op == "call_module":
                    self._visit_below(module.get_submodule(str(node.target)), node in fixed)
        if not isinstance(module, ProductLayer):  # which says itself what it computes
            self.real_valued += [f"{self._path(module)}: {note}" for note in dict.fromkeys(notes)]

    def _visit_below(self, module: nn.Module, fixed: bool) -> None:
        """Visit a module; what it does to weights alone (`fixed`) is done before inference."""
        named, left = len(self.real_valued), len(self.untraced)
        self.visit(module)
        if fixed:
            del self.real_valued[named:], self.untraced[left:]

    def _sites(self, module: nn.Module, graph: fx.Graph) -> tuple[list[_Site], list[str]]:
        """The activation calls of one graph, in order of execution, and what else is not known."""
        sea = Sea(module, graph, lambda child: is_activation(child, UNARY))
        calls = {node for node in graph.nodes if self._calls(module, node)}
        strange = {n for n in graph.nodes if unknown(n, sea.moving) and n not in calls}
        pieces = list(rectifiers(sea, strange)) if self._rectifies and strange else []
        calls -= {node for piece in pieces for node in piece.nodes}
        if strange:
            tangled = {n for n in calls if sea.tangled(n.all_input_nodes[0], n, strange)}
            strange, calls = strange | tangled, calls - tangled
        taken = set(self.claimed)
        ends = {piece.end: piece for piece in pieces}
        sites: list[_Site] = []
        for node in graph.nodes:
            if node not in calls and node not in ends:
                continue
            called = _called(module, node)
            piece = ends.get(node)
            source = piece.source if piece is not None else node.all_input_nodes[0]
            own = None
            if called is not None and piece is None and id(called) not in taken:
                own = str(node.target)
                taken.add(id(called))
            later = [user for user in source.users if sea.order[user] > sea.order[node]]
            cut = None if piece is None else sea.cut_out(piece)
            sites.append(_Site(node, source, own, later if in_place(node, called) else [], cut))
        return sites, [name_of(n) for n in graph.nodes if n in strange and n.op != "call_module"]

    def _calls(self, module: nn.Module, node: fx.Node) -> bool:
        called = _called(module, node)
        if called is not None:
            return self._activates(called)
        return calls_activation(node, self.activations)

    def _rewrite(self, module: nn.Module, graphs: list[fx.Graph], plans: list[list[_Site]]) -> None:
        """Let the calls without a module of their own call new ones, and set the new forward."""
        names: list[str] = []
        for site in plans[0]:
            if site.own is None:
                names.append(self._add(module, site))
            else:
                names.append(site.own)
        for graph, plan in zip(graphs, plans, strict=True):
            for site, name in zip(plan, names, strict=True):
                with graph.inserting_after(site.node):
                    call = graph.call_module(name, (site.input,))
                site.node.replace_all_uses_with(call)
                for node in site.later:
                    node.replace_input_with(site.input, call)
                graph.erase_node(site.node)
        key = (type(module), *(graph.python_code("self").src for graph in graphs))
        if key not in self._classes:
            forwards = [type(fx.GraphModule(module, graph)).forward for graph in graphs]
            self._classes[key] = _with_forward(type(module), forwards)
        # same object, same class but for its forward: paths, hooks and attributes all stay
        module.__class__ = self._classes[key]

    def _add(self, module: nn.Module, site: _Site) -> str:
        """Register a module for a call that has none, beside the module that runs before it."""
        if site.piece is not None:
            stem, number, new = "", 1, Call(_Piece(module, site.piece.graph), (), {})
        elif site.node.op == "call_module":
            stem = str(site.node.target).rsplit(".", 1)[-1]
            new = copy.deepcopy(module.get_submodule(str(site.node.target)))
            number = 2
        else:
            stem, number = "", 1
            function = site.node.target
            new = Call(function, site.node.args[1:], _constants(site.node))  # type: ignore[arg-type]
        if not stem.isidentifier():
            stem, number = "neuron", 1
        while hasattr(module, f"{stem}{number}"):
            number += 1
        name = f"{stem}{number}"
        _insert_after(module, name, new, _called_before(site.node))
        self._paths[id(new)] = ".".join(filter(None, (self._paths[id(module)], name)))
        self.claimed.add(id(new))
        return name

    def _path(self, module: nn.Module) -> str:
        return self._paths[id(module)] or "the network itself"


def _with_forward(cls: type[nn.Module], forwards: list[Callable[..., Any]]) -> type[nn.Module]:
    """A class like `cls` with another forward, or one forward per mode (training, evaluation)."""

    def by_mode(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return forwards[0 if self.training else 1](self, *args, **kwargs)

    body = {
        "forward": forwards[0] if len(forwards) == 1 else by_mode,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
    }
    return types.new_class(cls.__name__, (cls,), exec_body=lambda space: space.update(body))


def _registered(module: nn.Module) -> Iterator[nn.Module]:
    """The children of a module, those in lists among them."""
    for child in module.children():
        if isinstance(child, nn.ModuleList | nn.ModuleDict):
            yield from _registered(child)
        else:
            yield child


def _called(module: nn.Module, node: fx.Node) -> nn.Module | None:
    """The module that a node calls, if it calls one."""
    return module.get_submodule(str(node.target)) if node.op == "call_module" else None


def _steady(module: nn.Module, graph: fx.Graph) -> set[fx.Node]:
    """The calls of modules that read weights only."""
    moving = values(graph)
    return {node for node in graph.nodes if node.op == "call_module" and node not in moving}


def _constants(node: fx.Node) -> dict[str, Any]:
    return {key: value for key, value in node.kwargs.items() if not isinstance(value, fx.Node)}


def _called_before(node: fx.Node) -> str | None:
    """The child that ran last before a node."""
    while node.op != "root":
        node = node.prev
        if node.op == "call_module":
            return str(node.target).split(".", 1)[0]
    return None


def _insert_after(parent: nn.Module, name: str, child: nn.Module, before: str | None) -> None:
    """Register a child behind another one, so that registration follows execution."""
    parent.add_module(name, child)
    if before is None or before == name:
        later = [key for key in parent._modules if key != name] if before is None else []
    else:
        keys = list(parent._modules)
        later = [key for key in keys[keys.index(before) + 1 :] if key != name]
    for key in later:
        parent._modules[key] = parent._modules.pop(key)
