"""Whole numbers of spikes: a staircase forward and a straight line backward."""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch import Tensor

Rounding = Literal["up", "even"]
"""Where a half goes: up, or to the even neighbour as `torch.round` has it."""


class _Levels(torch.autograd.Function):
    """The staircase forward; backward the gradient passes where a mask says so."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, inside: Tensor, most: int, rounding: str) -> Tensor:
        return _staircase(x, most, rounding)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        return grads[0] * ctx.saved_tensors[0], None, None, None


def _staircase(x: Tensor, most: int, rounding: str) -> Tensor:
    held = x.clamp(0, most)
    return held.round() if rounding == "even" else (held + 0.5).floor()


def levels(x: Tensor, most: int, rounding: Rounding = "up") -> Tensor:
    """`clip(round(x), 0, most)`, with slope 1 where `0 <= x <= most` and 0 elsewhere.

    The gradient is that of the clip (straight-through). NaN stays NaN.

    Args:
        x: any shape.
        most: k, the highest number.
        rounding: `"up"` is floor(x + 1/2); `"even"` takes a half to the even neighbour.

    Example:
        >>> x = torch.tensor([-0.3, 0.5, 1.49, 2.5, 7.0], requires_grad=True)
        >>> levels(x, 4).tolist(), levels(x, 4, "even").tolist()
        ([0.0, 1.0, 1.0, 3.0, 4.0], [0.0, 0.0, 1.0, 2.0, 4.0])
        >>> levels(x, 4).sum().backward()
        >>> x.grad.tolist()
        [0.0, 1.0, 1.0, 1.0, 0.0]
    """
    if not torch.is_grad_enabled():
        return _staircase(x, most, rounding)
    held = x.detach()
    inside = torch.where(held >= 0, torch.where(held <= most, 1.0, 0.0), 0.0).to(x.dtype)
    return cast(Tensor, _Levels.apply(x, inside, most, rounding))
