"""How a sample becomes an input in time: direct, rate and latency coding, and event frames."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.core.tree import Inputs, mapped


@runtime_checkable
class Encoder(Protocol):
    """Inputs `[B, ...]` to `[1 or T, B, ...]`: those in [0, 1] as it codes them.

    What is no floating-point number (tokens, masks) stays as it is, given once.
    """

    def __call__(
        self, inputs: Inputs, timesteps: int, generator: torch.Generator | None = None
    ) -> Inputs:
        """The input of each of `timesteps` steps; a leading 1 means the same at every step."""
        ...


def _leaf_by_leaf(encode: Callable[..., Tensor]) -> Encoder:
    """An encoder of one tensor as one of inputs of any form."""

    @functools.wraps(encode)
    def encoded(inputs: Inputs, timesteps: int, generator: torch.Generator | None = None) -> Inputs:
        def one(value: Tensor) -> Tensor:
            if isinstance(inputs, Mapping) and not value.is_floating_point():
                return value.unsqueeze(0)
            return encode(value, timesteps, generator)

        return mapped(one, inputs)

    return encoded


@_leaf_by_leaf
def direct(
    inputs: Shaped[Tensor, "B *rest"], timesteps: int, generator: torch.Generator | None = None
) -> Shaped[Tensor, "1 B *rest"]:
    """The input itself at every step, given once: networks repeat it where neurons begin.

    Inputs may be images or whole numbers (tokens).

    Example:
        >>> direct(torch.zeros(2, 3, 8, 8), timesteps=4).shape
        torch.Size([1, 2, 3, 8, 8])
    """
    return inputs.unsqueeze(0)


@_leaf_by_leaf
def rate(
    inputs: Float[Tensor, "B *rest"], timesteps: int, generator: torch.Generator | None = None
) -> Float[Tensor, "T B *rest"]:
    """A spike at each step with the intensity as its probability, independently."""
    device = inputs.device if generator is None else generator.device
    drawn = torch.rand(timesteps, *inputs.shape, generator=generator, device=device)
    return (drawn.to(inputs.device) < inputs).to(inputs.dtype)


@_leaf_by_leaf
def latency(
    inputs: Float[Tensor, "B *rest"], timesteps: int, generator: torch.Generator | None = None
) -> Float[Tensor, "T B *rest"]:
    """One spike, the earlier the brighter: step round((1 - x) (T - 1)); none where x = 0."""
    when = ((1 - inputs) * (timesteps - 1)).round()
    steps = torch.arange(timesteps, device=inputs.device)
    spikes = (when == steps.view(-1, *[1] * inputs.ndim)) & (inputs > 0)
    return spikes.to(inputs.dtype)


@_leaf_by_leaf
def frames(
    inputs: Float[Tensor, "B ..."], timesteps: int, generator: torch.Generator | None = None
) -> Float[Tensor, "_ B C H W"]:
    """The frames of samples that have time of their own, `[B, T, C, H, W]`, one at each step.

    Whoever runs one step sees the mean frame, `[1, B, C, H, W]`.

    Raises:
        SpikedistillError: if the samples are no frames, or are run for another number of steps.

    Example:
        >>> events = torch.zeros(2, 10, 2, 34, 34)
        >>> frames(events, timesteps=10).shape, frames(events, timesteps=1).shape
        (torch.Size([10, 2, 2, 34, 34]), torch.Size([1, 2, 2, 34, 34]))
    """
    if inputs.ndim != 5:
        raise SpikedistillError(
            f"encoder: frames takes samples of frames [T, C, H, W], and these are "
            f"{list(inputs.shape[1:])}; choose encoder: direct for images"
        )
    if timesteps not in (1, inputs.shape[1]):
        raise SpikedistillError(
            f"the samples have {inputs.shape[1]} frames and the network was asked for {timesteps} "
            f"steps; run it for {inputs.shape[1]} steps, or for 1 on the mean frame, or cut the "
            f"recordings into {timesteps} frames (data.timesteps={timesteps}). The answer after "
            "fewer steps stands in the table of a longer run"
        )
    if timesteps == 1:
        return inputs.mean(1).unsqueeze(0)
    return inputs.transpose(0, 1)


_ENCODERS: dict[str, Encoder] = {
    "direct": direct,
    "rate": rate,
    "latency": latency,
    "frames": frames,
}


def encoder(name: str) -> Encoder:
    """The encoder of a name: `direct`, `rate`, `latency`, or `frames` for event data.

    Raises:
        SpikedistillError: if there is none of this name.
    """
    if name not in _ENCODERS:
        raise SpikedistillError(f"there is no encoder {name!r}; {suggest(name, _ENCODERS)}")
    return _ENCODERS[name]
