"""The graph of one module's own forward, in which every module that it calls is one node."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

_SHORT = {
    "iadd": "add", "isub": "sub", "imul": "mul", "itruediv": "truediv", "ifloordiv": "floordiv",
    "imod": "mod", "ipow": "pow", "imatmul": "matmul", "iand": "and", "ior": "or", "ixor": "xor",
}  # fmt: skip
"""Operators that write into their left side."""


class UntraceableError(Exception):
    """The forward of a module cannot be followed; the text is the reason."""


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

    def create_arg(self, a: Any) -> Any:
        if isinstance(a, torch.Tensor):  # one made in the forward is kept under a name of its own
            for name, kept in vars(self.root).items():
                if name.startswith("_tensor_constant") and _same(a, kept):
                    return self.create_node("get_attr", name, (), {})
        return super().create_arg(a)


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    alike = one.dtype == other.dtype and one.device == other.device and not one.is_meta
    return alike and torch.equal(one, other)


def own_graphs(module: nn.Module) -> list[fx.Graph]:
    """The graph of a module's own forward; two, (training, evaluation), where they differ.

    Arguments with a default are held at it: a trace can follow one value of `return_features`.

    Raises:
        UntraceableError: if the forward asks for values, or is no Python.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise UntraceableError("it is a script module, which is no longer Python")
    mode = module.training
    graphs: list[fx.Graph] = []
    try:
        defaults = {
            name: parameter.default
            for name, parameter in list(inspect.signature(module.forward).parameters.items())[1:]
            if parameter.default is not inspect.Parameter.empty
        }
        for training in (True, False):
            module.training = training
            graphs.append(_OneLevel().trace(module, concrete_args=defaults or None))
    except Exception as error:  # a forward that meets a proxy raises whatever it stumbles over
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise UntraceableError(lines[0]) from error
    finally:
        module.training = mode
    same = graphs[0].python_code("self").src == graphs[1].python_code("self").src
    return graphs[:1] if same else graphs


def name_of(node: fx.Node) -> str:
    """Name of the function or method that a node calls, without the mark of the in-place form."""
    if node.op not in ("call_function", "call_method"):
        return ""
    name = getattr(node.target, "__name__", "") or str(node.target)
    stem = name.strip("_")
    return _SHORT.get(stem, stem)


def in_place(node: fx.Node, module: nn.Module | None = None) -> bool:
    """Whether a call overwrites its input; `module` is what a node that calls one calls."""
    if node.op == "call_module":
        return bool(getattr(module, "inplace", False))
    if isinstance(node.target, str) or not inspect.isfunction(node.target):
        name = node.target if isinstance(node.target, str) else node.target.__name__
        return str(name).endswith("_") or str(name) in _SHORT
    given = inspect.signature(node.target).bind(*node.args, **node.kwargs).arguments
    return bool(given.get("inplace", False)) or node.target.__name__.endswith("_")


def argument(node: fx.Node, place: int, name: str) -> Any:
    """What a call gets at a place, or by a name; None where it gets nothing there."""
    return node.kwargs.get(name, node.args[place] if len(node.args) > place else None)
