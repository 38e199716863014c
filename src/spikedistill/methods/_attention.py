"""How layers of a learner look at layers of a guide: as networks decide, or as fixed before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spikedistill.core.choices import ChoicesChecked
from spikedistill.core.schedule import Schedule
from spikedistill.core.trace import Trace
from spikedistill.functional.float32 import at_least_float32
from spikedistill.functional.similarity import batch_similarity, unit

AttentionName = Literal["learned", "detached", "uniform", "diagonal"]
TemperatureOption = float | Literal["learned"] | Schedule
_COLDEST = 1e-6


class SimilarityMLP(nn.Module):
    """A row of similarities with B samples as a unit vector of width d = B // 4."""

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        d = batch_size // 4
        self.hidden = nn.Linear(batch_size, 2 * d)
        self.out = nn.Linear(2 * d, d)

    def forward(self, similarity: Float[Tensor, "T B B"]) -> Float[Tensor, "T B D"]:
        """The embedding of every sample at every step."""
        return unit(self.out(self.hidden(similarity).relu()))


def embed(mlps: nn.ModuleList, run: Trace, taps: Sequence[str]) -> Float[Tensor, "T B layers D"]:
    """The similarities of every tap, each through its own MLP."""
    rows = [mlp(batch_similarity(run[tap])) for tap, mlp in zip(taps, mlps, strict=True)]
    return torch.stack(rows, 2)


class Temperature(ChoicesChecked, nn.Module):
    """What the scores of attention are divided by: a number, a schedule, or learned.

    A learned temperature is the exponential of the parameter `log`, so it is positive; it starts
    at 1.

    Raises:
        ValueError: if a temperature is not positive.
    """

    def __init__(self, given: TemperatureOption = 1.0) -> None:
        super().__init__()
        self.given = given
        if isinstance(given, str):
            self.log = nn.Parameter(torch.zeros(()))
            return
        ends = (given.start, given.end) if isinstance(given, Schedule) else (given,)
        self.least = min(ends)
        if not all(_COLDEST <= end < math.inf for end in ends):
            shown = " to ".join(f"{end:g}" for end in ends)
            raise ValueError(
                "sastc divides the scores of attention by its temperature, a positive number, not "
                f"{shown}; give one from {_COLDEST} up, or temperature: learned"
            )

    @property
    def coldest(self) -> float:
        """The lowest temperature that may occur; 0 is the limit of one that is learned."""
        return 0.0 if isinstance(self.given, str) else self.least

    def forward(self, progress: float) -> float | Float[Tensor, ""]:
        """The temperature when `progress`, a share of the budget in [0, 1], is spent."""
        if isinstance(self.given, Schedule):
            return self.given(progress)
        return self.log.exp() if isinstance(self.given, str) else self.given


def refuse_options(
    kind: AttentionName, temperature: TemperatureOption, entropy_floor: float, skip_below: float
) -> None:
    """Refuse options of the attention that are out of range or do not go together.

    Raises:
        ValueError: naming the option and the remedy.
    """
    if not 0 <= entropy_floor < 1:
        raise ValueError(
            "entropy_floor is a share of the greatest entropy, from 0 to below 1, not "
            f"{entropy_floor}; for all of it choose attention: uniform"
        )
    if kind == "detached" and temperature == "learned":
        raise ValueError(
            "temperature: learned needs the gradient that attention: detached cuts; give a number "
            "or a schedule, or choose attention: learned"
        )
    given = {
        "temperature": temperature != 1.0,
        "entropy_floor": entropy_floor != 0,
        "skip_below": skip_below != 0,
    }
    wrong = next((name for name, is_set in given.items() if is_set), None)
    if kind in ("uniform", "diagonal") and wrong:
        raise ValueError(
            f"{wrong} shapes an attention that networks decide, and attention: {kind} is fixed; "
            f"leave {wrong} out, or choose attention: learned"
        )


def normalized(run: Trace, taps: Sequence[str]) -> Trace:
    """These taps of a run, each divided by its root mean square over all that it holds.

    Over steps, samples, channels and positions: one number for a tap, through which no gradient
    flows. A silent tap stays zero.
    """
    scaled = {tap: run[tap] / _scale(run[tap]) for tap in taps}
    return Trace(run.outputs, scaled, run.parameters)


def _scale(value: Tensor) -> Tensor:
    square = at_least_float32(value.detach()).square().mean()
    return square.sqrt().clamp_min(1e-12).to(value.dtype)
