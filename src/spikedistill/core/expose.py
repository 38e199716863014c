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
import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, fx, nn

RECTIFIERS: tuple[type[nn.Module], ...] = (
    nn.ReLU,
    nn.ReLU6,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.PReLU,
    nn.RReLU,
    nn.Threshold,
    nn.ELU,
    nn.CELU,
    nn.SELU,
)
"""Activations that pass what is large and stop what is negative, as a neuron does."""

_FORMS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hardtanh": nn.Hardtanh,
    "leaky_relu": nn.LeakyReLU,
    "rrelu": nn.RReLU,
    "threshold": nn.Threshold,
    "elu": nn.ELU,
    "celu": nn.CELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "hardswish": nn.Hardswish,
    "hardsigmoid": nn.Hardsigmoid,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
}
"""Functions and methods, without the underscore of their in-place forms, and their modules."""
_CLAMPS = {"clamp", "clip", "clamp_min"}
_REAL_FUNCTIONS = set(
    "prelu softmax log_softmax glu softsign layer_norm group_norm instance_norm rms_norm "
    "local_response_norm scaled_dot_product_attention matmul bmm einsum".split()
)
_REAL_FILES = {
    f"torch.nn.modules.{file}" for file in ("activation", "normalization", "instancenorm", "rnn")
}


@dataclass(frozen=True)
class Exposed:
    """What `expose` found."""

    sites: tuple[str, ...]
    """Path of the module of every activation call."""
    real_valued: tuple[str, ...]
    """`path: operation` of everything that is neither linear nor an activation to expose."""
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

    def extra_repr(self) -> str:
        """Shown when the network is printed."""
        return self.function if isinstance(self.function, str) else self.function.__name__


class _OneLevel(fx.Tracer):
    """Follows the forward of one module; every module that it calls is one node."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        if not any(m is known for known in self.root.modules()):
            return forward(*args, **kwargs)  # made inside the forward, as `nn.ReLU()(x)`
        return super().call_module(m, forward, args, kwargs)


@dataclass
class _Site:
    """One call of an activation in the graph of a module."""

    node: fx.Node
    input: fx.Node
    own: str | None
    """The module at this path serves this call alone; None: the call needs a new one."""
    later: list[fx.Node] = field(default_factory=list)
    """Nodes that read the input after the activation has overwritten it in place."""


class _Exposer:
    def __init__(self, network: nn.Module, activations: tuple[type[nn.Module], ...]) -> None:
        self.activations = activations
        self.claimed: set[int] = set()
        self.real_valued: list[str] = []
        self.untraced: list[str] = []
        self._seen: set[int] = set()
        self._classes: dict[tuple[object, ...], type[nn.Module]] = {}
        self._separate(network)
        self._paths = {id(module): path for path, module in network.named_modules()}

    def _separate(self, network: nn.Module) -> None:
        """Give every place where one activation module is registered a module of its own."""
        met: set[int] = set()
        for parent in list(network.modules()):
            for name, child in parent._modules.items():  # named_children() skips repetitions
                if isinstance(child, self.activations):
                    if id(child) in met:
                        parent._modules[name] = copy.deepcopy(child)
                    met.add(id(child))

    def visit(self, module: nn.Module) -> None:
        """Expose the activations that this module and those below it call."""
        if id(module) in self._seen or id(module) in self.claimed:
            return
        self._seen.add(id(module))
        if _is_builtin(module):
            kind = next((c for c in type(module).__mro__ if c.__module__ in _REAL_FILES), None)
            if kind is not None:
                self.real_valued.append(f"{self._path(module)}: {type(module).__name__}")
            return
        try:
            self._follow(module, _graphs(module))
        except _UntraceableError as reason:
            self.untraced.append(f"{self._path(module)} ({type(module).__name__}): {reason}")
            for child in _registered(module):
                if isinstance(child, self.activations):
                    self.claimed.add(id(child))
                else:
                    self.visit(child)

    def _follow(self, module: nn.Module, graphs: list[fx.Graph]) -> None:
        plans = [self._sites(module, graph) for graph in graphs]
        if any(site.own is None or site.later for plan in plans for site in plan):
            if len({tuple((s.node.op, str(s.node.target)) for s in plan) for plan in plans}) > 1:
                raise _UntraceableError("it calls other activations in training than in evaluation")
            self._rewrite(module, graphs, plans)
        for plan in plans:
            self.claimed |= {id(module.get_submodule(s.own)) for s in plan if s.own is not None}
        for graph in graphs:
            for node in graph.nodes:
                if node.op == "call_module":
                    self.visit(module.get_submodule(str(node.target)))
        for note in dict.fromkeys(n for graph in graphs for n in self._real(graph)):
            self.real_valued.append(f"{self._path(module)}: {note}")

    def _sites(self, module: nn.Module, graph: fx.Graph) -> list[_Site]:
        """The activation calls of one graph, in order of execution."""
        taken = set(self.claimed)
        order = {node: number for number, node in enumerate(graph.nodes)}
        sites: list[_Site] = []
        for node in graph.nodes:
            called = module.get_submodule(str(node.target)) if node.op == "call_module" else None
            if not (self._activates(called) if called is not None else self._function(node)):
                continue
            (source,) = node.all_input_nodes
            own = None
            if called is not None and id(called) not in taken:
                own = str(node.target)
                taken.add(id(called))
            later = [user for user in source.users if order[user] > order[node]]
            sites.append(_Site(node, source, own, later if _in_place(node, called) else []))
        return sites

    def _activates(self, module: nn.Module) -> bool:
        return isinstance(module, self.activations) or id(module) in self.claimed

    def _function(self, node: fx.Node) -> bool:
        """Whether a node is a functional activation of one value and constants."""
        name = _name(node)
        if name in _CLAMPS:
            lowest = node.kwargs.get("min", node.args[1] if len(node.args) > 1 else None)
            form = nn.ReLU if isinstance(lowest, int | float) and lowest == 0 else None
        else:
            form = _FORMS.get(name)
        known = form is not None and issubclass(form, self.activations)
        return known and len(node.all_input_nodes) == 1

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
        if site.node.op == "call_module":
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

    def _real(self, graph: fx.Graph) -> Iterator[str]:
        for node in graph.nodes:
            name = _name(node)
            if name in _REAL_FUNCTIONS or (name in _FORMS and not self._function(node)):
                yield name

    def _path(self, module: nn.Module) -> str:
        return self._paths[id(module)] or "the network itself"


class _UntraceableError(Exception):
    """The forward of a module cannot be followed; the text is the reason."""


def _graphs(module: nn.Module) -> list[fx.Graph]:
    """The graph of a module's own forward; two, (training, evaluation), where they differ.

    Arguments with a default are held at it: a trace can follow one value of `return_features`.
    """
    defaults = {
        name: parameter.default
        for name, parameter in list(inspect.signature(module.forward).parameters.items())[1:]
        if parameter.default is not inspect.Parameter.empty
    }
    mode = module.training
    graphs: list[fx.Graph] = []
    try:
        for training in (True, False):
            module.training = training
            graphs.append(_OneLevel().trace(module, concrete_args=defaults or None))
    except Exception as error:  # a forward that meets a proxy raises whatever it stumbles over
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise _UntraceableError(lines[0]) from error
    finally:
        module.training = mode
    same = graphs[0].python_code("self").src == graphs[1].python_code("self").src
    return graphs[:1] if same else graphs


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


def _is_builtin(module: nn.Module) -> bool:
    """Whether a module is one of torch's own without parts to look into, or made from one."""
    if isinstance(module, nn.MultiheadAttention):
        return True
    own = any(
        c.__module__.startswith("torch.nn.") and c is not nn.Module and not issubclass(c, _LISTS)
        for c in type(module).__mro__
    )
    return own and next(module.children(), None) is None


_LISTS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def _registered(module: nn.Module) -> Iterator[nn.Module]:
    """The children of a module, those in lists among them."""
    for child in module.children():
        if isinstance(child, nn.ModuleList | nn.ModuleDict):
            yield from _registered(child)
        else:
            yield child


def _name(node: fx.Node) -> str:
    """Name of the function or method that a node calls, without the mark of the in-place form."""
    if node.op not in ("call_function", "call_method"):
        return ""
    return (getattr(node.target, "__name__", "") or str(node.target)).rstrip("_")


def _constants(node: fx.Node) -> dict[str, Any]:
    return {key: value for key, value in node.kwargs.items() if not isinstance(value, fx.Node)}


def _in_place(node: fx.Node, module: nn.Module | None) -> bool:
    """Whether an activation call overwrites its input."""
    if module is not None:
        return bool(getattr(module, "inplace", False))
    if isinstance(node.target, str) or not inspect.isfunction(node.target):
        name = node.target if isinstance(node.target, str) else node.target.__name__
        return str(name).endswith("_")
    given = inspect.signature(node.target).bind(*node.args, **node.kwargs).arguments
    return bool(given.get("inplace", False)) or node.target.__name__.endswith("_")


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
