"""What one forward pass of one network left behind, and the batch that caused it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor


@dataclass(frozen=True)
class Trace:
    """What a loss may look at: outputs, tapped values and named parameters of one run.

    Time always leads. An ANN has `T = 1`, so that comparing any two networks is broadcasting.
    """

    outputs: Float[Tensor, "T B ..."]
    """What the network returned at every step; the class axis comes last, `[T, B, ..., K]`."""
    taps: Mapping[str, Shaped[Tensor, "_ B ..."]] = field(default_factory=dict[str, Tensor])
    """The values that a loss asked for by tap name."""
    parameters: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    """Weights that a loss asked for by name (an embedding table, a classifier)."""

    @property
    def logits(self) -> Float[Tensor, "B ..."]:
        """The mean of the outputs over time: what the network answers after all its steps."""
        return self.outputs.mean(0)

    @property
    def timesteps(self) -> int:
        """T, the number of steps that were run."""
        return self.outputs.shape[0]

    def detach(self) -> Trace:
        """The same values cut from the graph: how a guide is shown to a loss."""
        return Trace(
            self.outputs.detach(),
            {name: value.detach() for name, value in self.taps.items()},
            {name: value.detach() for name, value in self.parameters.items()},
        )

    def __getitem__(self, tap: str) -> Shaped[Tensor, "_ B ..."]:
        """The value of a tap, `[T, B, ...]`.

        Raises:
            KeyError: if the tap was not recorded; the message lists those that were.
        """
        if tap not in self.taps:
            recorded = ", ".join(sorted(self.taps)) or "none"
            raise KeyError(f"tap {tap!r} was not recorded in this run; recorded: {recorded}")
        return self.taps[tap]


@dataclass(frozen=True)
class Batch:
    """One batch of the data as every role and every loss sees it."""

    inputs: Tensor
    """Raw inputs, `[B, ...]`; `[B, T, ...]` where the data have time of their own."""
    targets: Tensor | Mapping[str, Tensor]
    """Class indices `[B]` (or `[B, L]`), class probabilities `[B, K]`, or a mapping of several."""
    index: Int[Tensor, "B"] | None = None
    """Position of each sample in its data set."""
    mask: Shaped[Tensor, "B L"] | None = None
    """Which of the L positions of a sequence count; None: all."""
    progress: float = 0.0
    """Share of the phase's budget that is spent, in [0, 1]: what schedules and annealing read."""

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        moved: dict[str, Any] = {
            name: value.to(device, non_blocking=True)
            for name, value in vars(self).items()
            if isinstance(value, Tensor)
        }
        if isinstance(self.targets, Mapping):
            moved["targets"] = {
                name: value.to(device, non_blocking=True) for name, value in self.targets.items()
            }
        return replace(self, **moved)
