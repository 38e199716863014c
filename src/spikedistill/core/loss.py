"""The protocol: a loss is a directed comparison in which a learner looks at a guide."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from spikedistill.core.choices import ChoicesChecked
from spikedistill.core.reference import Reference
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace


@dataclass(frozen=True)
class Needs:
    """Names of what a loss wants to see in each seat: taps, and parameters by dotted name."""

    learner: tuple[str, ...] = ()
    guide: tuple[str, ...] = ()
    learner_parameters: tuple[str, ...] = ()
    guide_parameters: tuple[str, ...] = ()


class Loss(ChoicesChecked, nn.Module, ABC):
    """One published comparison: built from two specs, called with two traces, returns a scalar.

    A loss owns what it must learn (as ordinary parameters) and nothing else: it never runs a
    network, never sees an optimiser, and has no weight or warm-up of its own (see `Term`).
    The constructor sets `needs` and refuses a pair that cannot work with a sentence (ValueError).
    Words that a `Literal` option does not take are refused before (`core.choices`).
    """

    reference: ClassVar[Reference]
    full_batches: bool = False
    """True where parameters depend on the batch size: the loader then drops the last batch. A class
    or, where it follows from the options, an object says so."""
    uses_guide: ClassVar[bool] = True
    """False where the learner is judged by the targets alone."""
    guide: ClassVar[Literal["any", "spiking", "same shapes"]] = "any"
    """What guide it needs: any network, one with neurons, or one whose taps have the learner's
    shapes. Whoever builds it refuses others with a sentence, and contracts are held with such."""
    draws: ClassVar[bool] = False
    """Whether it draws random numbers: then `batch.generator` is there, and each step of a phase
    has its own, a function of seed, epoch and step."""
    needs: Needs

    def __init__(self, learner: Spec, guide: Spec | None = None, **options: Any) -> None:
        """Read the specs, build what is learned, set `needs`; options belong to the method."""
        super().__init__()
        if self.uses_guide and guide is None:
            raise ValueError(
                f"{type(self).__name__} compares the {learner.role} with a guide, and none was "
                "given; add a role that serves as its guide"
            )
        if self.guide == "spiking" and guide is not None and not guide.spiking:
            raise ValueError(
                f"{type(self).__name__} compares spikes with spikes, and the {guide.role} has no "
                "neurons; seat a spiking network there"
            )
        self.needs = Needs()

    @classmethod
    def origins(cls, options: Mapping[str, Any]) -> tuple[Reference, ...]:
        """What to cite where it is used with these options; nothing where it has no reference."""
        reference: Reference | None = getattr(cls, "reference", None)
        return () if reference is None else (reference,)

    @abstractmethod
    def forward(self, learner: Trace, guide: Trace | None, batch: Batch) -> Tensor:
        """The loss of one batch, a scalar."""

    def picture(self, learner: Trace, guide: Trace | None) -> dict[str, Tensor]:
        """What a report may draw (attention maps, ...); never used in training."""
        return {}


def refuse_classes(name: str, learner: Spec, guide: Spec) -> None:
    """Refuse a pair whose outputs have different numbers of classes.

    Raises:
        ValueError: if the class counts differ.
    """
    if learner.classes != guide.classes:
        raise ValueError(
            f"{name} compares outputs class by class, but the {learner.role} has "
            f"{learner.classes} classes and the {guide.role} {guide.classes}; give both networks "
            "the same classes"
        )


def refuse_timesteps(name: str, learner: Spec, guide: Spec) -> None:
    """Refuse a guide with several steps that are not the learner's.

    Raises:
        ValueError: if the guide runs more than one step and not as many as the learner.
    """
    if guide.timesteps not in (1, learner.timesteps):
        raise ValueError(
            f"{name} compares step by step, but the {learner.role} runs {learner.timesteps} steps "
            f"and the {guide.role} {guide.timesteps}; let the {guide.role} run 1 step, or both the "
            "same number"
        )
