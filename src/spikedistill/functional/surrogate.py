"""Surrogate gradients: a spike is a step forward and something smoother backward.

Every surrogate is a function of `x = v - v_threshold`, the distance of the membrane potential
from the threshold. It gives the slope that replaces the derivative of the step, and the function
whose derivative that slope is.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, cast

import torch
from torch import Tensor


@dataclass(frozen=True)
class Surrogate(ABC):
    """The shape of a spike's gradient. Its numbers must be positive."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 < value < math.inf:
                raise ValueError(
                    f"{type(self).__name__}({field.name}={value}) has no shape; "
                    f"{field.name} must be a positive number"
                )

    @abstractmethod
    def derivative(self, x: Tensor) -> Tensor:
        """The slope at `x`, in the shape of `x`."""

    @abstractmethod
    def primitive(self, x: Tensor) -> Tensor:
        """The function with that slope; 1/2 at the threshold."""


@dataclass(frozen=True)
class Rectangle(Surrogate):
    """`1 / width` where `|x| < width / 2`. Wu et al., 2018 (STBP); tdBN, MS-ResNet."""

    width: float = 1.0

    def derivative(self, x: Tensor) -> Tensor:
        """`1 / width` inside the window, 0 outside."""
        return (x.abs() < self.width / 2).to(x.dtype) / self.width

    def primitive(self, x: Tensor) -> Tensor:
        """A ramp from 0 to 1."""
        return (x / self.width).clamp(-0.5, 0.5) + 0.5


@dataclass(frozen=True)
class Triangle(Surrogate):
    """`max(0, gamma - |x|) / gamma^2`. Deng et al., 2022 (TET); SASTC."""

    gamma: float = 1.0

    def derivative(self, x: Tensor) -> Tensor:
        """`max(0, gamma - |x|) / gamma^2`."""
        return (self.gamma - x.abs()).clamp_min(0) * self.gamma**-2

    def primitive(self, x: Tensor) -> Tensor:
        """Two parabolas that meet at the threshold."""
        y = (x / self.gamma).clamp(-1, 1)
        return 0.5 + y - y * y.abs() / 2


@dataclass(frozen=True)
class DampedTriangle(Surrogate):
    """`scale * max(0, 1 - |x / width|)`, `width` the threshold. Bellec et al., 2018; BNTT."""

    scale: float = 0.3
    width: float = 1.0

    def derivative(self, x: Tensor) -> Tensor:
        """`scale * max(0, 1 - |x / width|)`."""
        return self.scale * (1 - (x / self.width).abs()).clamp_min(0)

    def primitive(self, x: Tensor) -> Tensor:
        """Two parabolas; the step from end to end is `scale * width`, not 1."""
        y = (x / self.width).clamp(-1, 1)
        return 0.5 + self.scale * self.width * (y - y * y.abs() / 2)


@dataclass(frozen=True)
class ATan(Surrogate):
    """`(alpha / 2) / (1 + (pi alpha x / 2)^2)`. Fang et al., 2021 (PLIF, SEW)."""

    alpha: float = 2.0

    def derivative(self, x: Tensor) -> Tensor:
        """`(alpha / 2) / (1 + (pi alpha x / 2)^2)`."""
        return self.alpha / 2 / (1 + (math.pi * self.alpha / 2 * x).square())

    def primitive(self, x: Tensor) -> Tensor:
        """`arctan(pi alpha x / 2) / pi + 1/2`."""
        return (math.pi * self.alpha / 2 * x).atan() / math.pi + 0.5


@dataclass(frozen=True)
class Sigmoid(Surrogate):
    """`alpha s(alpha x) (1 - s(alpha x))`, s the logistic function. SpikingJelly's default; TDD."""

    alpha: float = 4.0

    def derivative(self, x: Tensor) -> Tensor:
        """`alpha s (1 - s)` at `s = s(alpha x)`."""
        s = (self.alpha * x).sigmoid()
        return self.alpha * s * (1 - s)

    def primitive(self, x: Tensor) -> Tensor:
        """`s(alpha x)`."""
        return (self.alpha * x).sigmoid()


@dataclass(frozen=True)
class Tanh(Surrogate):
    """`k sech^2(k x) / (2 tanh(k / 2))` where `|x| < 1/2`. Guo et al., 2023 (MPBN); FSTA.

    The papers write it on the clipped potential `y = clip(v, 0, 1)` around `y = 0.5`. Their
    threshold is 0.5, so `y - 0.5` is our `x` and the clip is the window `|x| < 1/2`; at another
    threshold our window moves with the threshold and theirs would not.
    """

    k: float = 3.0

    def derivative(self, x: Tensor) -> Tensor:
        """`k sech^2(k x) / (2 tanh(k / 2))` inside the window, 0 outside."""
        slope = (1 - (self.k * x).tanh().square()) * (self.k / (2 * math.tanh(self.k / 2)))
        return slope * (x.abs() < 0.5).to(x.dtype)

    def primitive(self, x: Tensor) -> Tensor:
        """`tanh(k clip(x)) / (2 tanh(k / 2)) + 1/2`, from 0 to 1 over the window."""
        return (self.k * x.clamp(-0.5, 0.5)).tanh() / (2 * math.tanh(self.k / 2)) + 0.5


SURROGATES: dict[str, type[Surrogate]] = {
    "rectangle": Rectangle,
    "triangle": Triangle,
    "damped_triangle": DampedTriangle,
    "atan": ATan,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
}
"""The names that recipes use."""


class _Spike(torch.autograd.Function):
    """The step forward, a given slope backward."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, slope: Tensor, at_equality: bool) -> Tensor:
        return _step(x, at_equality)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return grads[0] * ctx.saved_tensors[0], None, None


def _step(x: Tensor, at_equality: bool) -> Tensor:
    silent = torch.where(x < 0 if at_equality else x <= 0, 0.0, math.nan)  # NaN stays NaN
    return torch.where(x >= 0 if at_equality else x > 0, 1.0, silent).to(x.dtype)


def spike(x: Tensor, surrogate: Surrogate, at_equality: bool = False) -> Tensor:
    """1 where `x > 0` (`>= 0` with `at_equality`), else 0, with the surrogate's slope backward.

    `x` is the potential minus the threshold, of any shape. NaN stays NaN, so that a network that
    has diverged shows it. The slope is a constant of the backward pass: second derivatives are 0.

    Example:
        >>> x = torch.tensor([-0.25, 0.0, 0.5], requires_grad=True)
        >>> fired = spike(x, Triangle())
        >>> fired.tolist()
        [0.0, 0.0, 1.0]
        >>> fired.sum().backward()
        >>> x.grad.tolist()
        [0.75, 1.0, 0.5]
    """
    if not torch.is_grad_enabled():
        return _step(x, at_equality)
    return cast(Tensor, _Spike.apply(x, surrogate.derivative(x.detach()), at_equality))
