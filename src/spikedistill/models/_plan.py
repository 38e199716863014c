"""What every network of the zoo is given, and how a blueprint gets it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.factory import Activation, NormFactory, Planned, Vacant, fresh
from spikedistill.layers.batch_norm import batch_norm

SHARED = """
    Args:
        activation: a neuron or activation to copy, or something to call for a new one.
        classes: K of the output `[N, K]`.
        channels: C of the input `[N, C, H, W]`.
        width: factor on all hidden widths.
        norm: makes the norm layers.{own}
"""
"""The part of a docstring that all blueprints share."""


@dataclass(frozen=True)
class Plan:
    """Activation, norm and sizes of one network."""

    act: Activation | Planned
    classes: int
    channels: int
    width: float
    norms: NormFactory | Planned

    def activation(self, role: str = "") -> nn.Module:
        """A new activation; `role` says what cannot be seen of its place, as "attention"."""
        if isinstance(self.act, Planned):
            return Vacant(self.act, role)
        return fresh(self.act)

    def norm(self, channels: int, residual: bool = False) -> nn.Module:
        """A new norm; `residual` for those that meet at a residual addition."""
        if isinstance(self.norms, Planned):
            return Vacant(self.norms, "residual" if residual else "")
        return self.norms(channels, residual=residual)

    def scaled(self, channels: float) -> int:
        """A hidden width times the width multiplier, at least 1.

        Raises:
            SpikedistillError: if the multiplier is not positive.

        Example:
            >>> Plan(nn.ReLU, 10, 3, 0.25, batch_norm).scaled(64)
            16
        """
        if not self.width > 0:
            raise SpikedistillError(
                f"the width multiplier is {self.width}, but it must be above 0; 1.0 is the "
                "published width"
            )
        return max(1, round(channels * self.width))


def blueprint(build: Callable[..., nn.Module], *, channels: int = 3) -> Callable[..., Any]:
    """Give a function of a `Plan` and options of its own the face that all blueprints have.

    `(activation=nn.ReLU, *, OWN..., classes=10, channels=3, width=1.0, norm=batch_norm)`.

    Args:
        build: `build(plan, **own)` returns the network.
        channels: the default.
    """
    own = list(inspect.signature(build).parameters.values())[1:]
    word = inspect.Parameter.KEYWORD_ONLY
    shared = [
        inspect.Parameter(name, word, default=default, annotation=kind)
        for name, default, kind in (
            ("classes", 10, "int"),
            ("channels", channels, "int"),
            ("width", 1.0, "float"),
            ("norm", batch_norm, Callable[..., nn.Module]),
        )
    ]
    first = inspect.Parameter(
        "activation",
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=nn.ReLU,
        annotation=Activation,
    )

    @functools.wraps(build)
    def made(activation: Any = nn.ReLU, **given: Any) -> Any:
        bound = signature.bind(activation, **given)
        bound.apply_defaults()
        values = {name: bound.arguments[name] for name in ("classes", "channels", "width", "norm")}
        plan = Plan(bound.arguments["activation"], *values.values())
        return build(plan, **{one.name: bound.arguments[one.name] for one in own})

    signature = inspect.Signature([first, *(one.replace(kind=word) for one in own), *shared])
    made.__signature__ = signature  # type: ignore[attr-defined]
    made.__annotations__ = {
        **{one.name: one.annotation for one in own},
        **{"classes": int, "channels": int, "width": float},
    }
    made.__doc__ = _documented(inspect.getdoc(build) or "")
    made.is_blueprint = True  # type: ignore[attr-defined]
    del made.__wrapped__  # type: ignore[attr-defined]
    return made


def _documented(text: str) -> str:
    """A docstring with the arguments that all share, before its own."""
    head, mark, own = text.partition("\nArgs:\n")
    own, rest_mark, rest = own.partition("\n\n")
    own = "".join(f"\n    {line}" for line in own.splitlines()) if mark else ""
    return inspect.cleandoc(head + "\n" + SHARED.format(own=own)) + rest_mark + rest


def is_blueprint(value: Any) -> bool:
    """Whether a value is a function that `blueprint` made."""
    return getattr(value, "is_blueprint", False) is True
