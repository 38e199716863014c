"""What one forward pass of one network left behind, and the batch that caused it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.tree import Inputs, first, mapped


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
    named: Mapping[str, Float[Tensor, "_ B ..."]] = field(default_factory=dict[str, Tensor])
    """All outputs of a network that returns several; `outputs` is the first of them."""

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
            {name: value.detach() for name, value in self.named.items()},
        )

    def after(self, steps: int) -> Trace:
        """The first steps of it; what stands for all steps stays."""

        def cut(value: Tensor) -> Tensor:
            return value[:steps] if len(value) > 1 else value

        return Trace(
            self.outputs[:steps],
            {name: cut(value) for name, value in self.taps.items()},
            self.parameters,
            {name: value[:steps] for name, value in self.named.items()},
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

    inputs: Inputs
    """Raw inputs, `[B, ...]`; `[B, T, ...]` where the data have time of their own; or several by
    name, all with B first."""
    targets: Tensor | Mapping[str, Tensor]
    """Class indices `[B]` (or `[B, L]`), class probabilities `[B, K]`, or a mapping of several."""
    index: Int[Tensor, "B"] | None = None
    """Position of each sample in its data set."""
    mask: Shaped[Tensor, "B L"] | None = None
    """Which of the L positions of a sequence count; None: all."""
    generator: torch.Generator | None = None
    """Where a loss that `draws` takes its random numbers from."""
    progress: float = 0.0
    """Share of the phase's budget that is spent, in [0, 1]: what schedules and annealing read."""

    def __post_init__(self) -> None:
        for name in ("inputs", "targets"):
            value: object = getattr(self, name)
            if not isinstance(value, Tensor | Mapping):
                raise SpikedistillError(
                    f"the {name} of a Batch are a tensor, or several by name, and "
                    f"{type(value).__name__} was given; make a tensor of it (torch.as_tensor)"
                )

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        moved: dict[str, Any] = {
            name: mapped(lambda one: one.to(device, non_blocking=True), value)
            for name, value in vars(self).items()
            if isinstance(value, Tensor | Mapping)
        }
        return replace(self, **moved)

    def __len__(self) -> int:
        """B."""
        return len(first(self.inputs))
