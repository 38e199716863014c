"""The trainings that a recipe stands for, and where they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from spikedistill.core.machine import machine
from spikedistill.recipes.loss_entry import LossEntry
from spikedistill.recipes.schema import Phase, Recipe
from spikedistill.training.precision import resolve


@dataclass(frozen=True)
class Cell:
    """One training: a phase with one of its sets of losses."""

    name: str
    phase: Phase
    losses: tuple[LossEntry, ...]
    main: bool
    """Whether later phases go on from it; false for a variant to compare with."""

    @property
    def judged(self) -> tuple[str, ...]:
        """The roles whose networks it leaves behind: those that learn, the student last.

        Where none learns (`epochs: 0`), the student alone.
        """
        others = [name for name in self.phase.learning if name != self.phase.student]
        networks = {self.phase.roles[name].network for name in others}
        own = self.phase.roles[self.phase.student].network
        chosen = [name for name in others if self.phase.roles[name].network != own]
        one_each = {self.phase.roles[name].network: name for name in chosen if networks}
        return (*one_each.values(), self.phase.student)

    def model_file(self, role: str) -> str:
        """The file in the folder of the cell that keeps what a role learned, without its end."""
        network = self.phase.roles[role].network
        return "model" if role == self.phase.student else f"network-{network}"


def cells(recipe: Recipe) -> list[Cell]:
    """The trainings of a recipe in their order: variants before the phase itself."""
    found = []
    for phase in recipe.phases:
        variants = [Cell(name, phase, losses, False) for name, losses in phase.compare.items()]
        found += [*variants, Cell(phase.name, phase, phase.losses, True)]
    return found


def default_folder(recipe: Recipe) -> Path:
    """`runs/NAME`, with the seed where it is not 0."""
    return Path("runs") / (recipe.name if not recipe.seed else f"{recipe.name}-seed{recipe.seed}")


def faster() -> Literal["fp32", "bf16"]:
    """What `precision: auto` becomes on this machine."""
    bf16 = resolve("auto", machine().device) == torch.bfloat16
    return "bf16" if bf16 else "fp32"


def settled(recipe: Recipe, auto: Literal["fp32", "bf16"] | None = None) -> Recipe:
    """The recipe with `precision: auto` decided, once and for all its trainings.

    Args:
        recipe: as it was written.
        auto: what `auto` becomes; None: what this machine is faster in.
    """
    phases = []
    for phase in recipe.phases:
        chosen = recipe.settings(phase).precision
        if chosen == "auto":
            chosen = auto or faster()
        training = {**phase.training, "precision": chosen}
        phases.append(phase.model_copy(update={"training": training}))
    return recipe.model_copy(update={"phases": tuple(phases)})
