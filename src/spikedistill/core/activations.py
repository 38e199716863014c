"""The activations of torch, as modules and as functions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import fx, nn

from spikedistill.core.own_graph import argument, name_of

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
UNARY: tuple[type[nn.Module], ...] = (
    *_FORMS.values(),
    nn.PReLU,
    nn.Softsign,
    nn.Softshrink,
    nn.Hardshrink,
    nn.Tanhshrink,
    nn.LogSigmoid,
    nn.Identity,
)
"""The modules of torch that are functions of single numbers."""


def form_of(name: str) -> type[nn.Module] | None:
    """The class of torch that is the function or method of a name; None where there is none."""
    return _FORMS.get(name.rstrip("_"))


def is_activation(module: nn.Module, kinds: tuple[type[nn.Module], ...]) -> bool:
    """Whether a module is of one of some classes, and does what they do."""
    return any(isinstance(module, kind) and type(module).forward is kind.forward for kind in kinds)


def is_activation_function(value: object, kinds: tuple[type[nn.Module], ...]) -> bool:
    """Whether something is torch's own function of such a class: `F.relu`, `torch.relu_`."""
    name = getattr(value, "__name__", "")
    form = _FORMS.get(name.rstrip("_")) if isinstance(name, str) else None
    if form is None or not issubclass(form, kinds):
        return False
    return any(value is getattr(home, name, None) for home in (torch, F))


def calls_activation(node: fx.Node, kinds: tuple[type[nn.Module], ...]) -> bool:
    """Whether a node is the function or method of such a class, of one value and constants."""
    name = name_of(node)
    if name in _CLAMPS:
        lowest = argument(node, 1, "min")
        form = nn.ReLU if isinstance(lowest, int | float) and lowest == 0 else None
    else:
        form = _FORMS.get(name)
    known = form is not None and issubclass(form, kinds)
    return known and len(node.all_input_nodes) == 1
