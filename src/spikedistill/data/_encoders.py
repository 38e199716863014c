"""How an image becomes an input in time: direct, rate and latency coding."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from spikedistill.core.errors import SpikedistillError, suggest


@runtime_checkable
class Encoder(Protocol):
    """Inputs in [0, 1] `[B, ...]` to `[1 or T, B, ...]`."""

    def __call__(
        self, inputs: Tensor, timesteps: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """The input of each of `timesteps` steps; a leading 1 means the same at every step."""
        ...


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


def rate(
    inputs: Float[Tensor, "B *rest"], timesteps: int, generator: torch.Generator | None = None
) -> Float[Tensor, "T B *rest"]:
    """A spike at each step with the intensity as its probability, independently."""
    device = inputs.device if generator is None else generator.device
    drawn = torch.rand(timesteps, *inputs.shape, generator=generator, device=device)
    return (drawn.to(inputs.device) < inputs).to(inputs.dtype)


def latency(
    inputs: Float[Tensor, "B *rest"], timesteps: int, generator: torch.Generator | None = None
) -> Float[Tensor, "T B *rest"]:
    """One spike, the earlier the brighter: step round((1 - x) (T - 1)); none where x = 0."""
    when = ((1 - inputs) * (timesteps - 1)).round()
    steps = torch.arange(timesteps, device=inputs.device)
    spikes = (when == steps.view(-1, *[1] * inputs.ndim)) & (inputs > 0)
    return spikes.to(inputs.dtype)


_ENCODERS: dict[str, Encoder] = {"direct": direct, "rate": rate, "latency": latency}


def encoder(name: str) -> Encoder:
    """The encoder of a name: `direct`, `rate` or `latency`.

    Raises:
        SpikedistillError: if there is none of this name.
    """
    if name not in _ENCODERS:
        raise SpikedistillError(f"there is no encoder {name!r}; {suggest(name, _ENCODERS)}")
    return _ENCODERS[name]
