"""Roles, terms, and the weighted sum of directed losses that one phase minimises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.loss import Loss
from spikedistill.core.schedule import Weight, at, refuse_weight
from spikedistill.core.trace import Batch, Trace


@dataclass(frozen=True)
class Role:
    """A way of running a network: how many steps, and whether it learns."""

    network: nn.Module
    timesteps: int = 1
    trainable: bool = False
    record: bool = False
    """Whether what it answers to a sample is kept and used again: for roles that do not learn."""

    def __post_init__(self) -> None:
        if self.timesteps < 1:
            raise ValueError(f"a role runs at least one time step; got timesteps={self.timesteps}")
        if self.record and self.trainable:
            raise ValueError(
                "a role that learns answers differently each time, so it cannot be recorded; leave "
                "out record: true or trainable: true"
            )


@dataclass(frozen=True)
class Term:
    """One loss seated between two roles, with its weight.

    Raises:
        SpikedistillError: if the weight is below 0 or no number.
    """

    name: str
    loss: Loss
    learner: str = "student"
    guide: str | None = "teacher"
    """None, whatever was given, for a loss that looks at no guide."""
    weight: Weight = 1.0
    detach: bool = True
    """Cut the guide's trace from the graph. False only for papers that let it flow."""

    def __post_init__(self) -> None:
        try:
            refuse_weight(self.weight)
        except SpikedistillError as error:
            raise SpikedistillError(f"the term {self.name!r}: {error}") from error
        if not self.loss.uses_guide:
            object.__setattr__(self, "guide", None)


class Objective(nn.Module):
    """The weighted sum of terms: traces of all roles and a batch give one number to minimise."""

    def __init__(self, terms: Iterable[Term]) -> None:
        super().__init__()
        self.terms = tuple(terms)
        names = [term.name for term in self.terms]
        twice = sorted({name for name in names if names.count(name) > 1})
        if not names:
            raise ValueError("an objective needs at least one term")
        if twice:
            raise ValueError(f"two terms are called {', '.join(twice)}; give each its own name")
        self.losses = nn.ModuleDict({term.name: term.loss for term in self.terms})

    @property
    def full_batches(self) -> bool:
        """Whether some loss cannot take a partial batch."""
        return any(term.loss.full_batches for term in self.terms)

    def wanted(self, role: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Taps and parameters that the terms want of a role, each name once."""
        taps: dict[str, None] = {}
        parameters: dict[str, None] = {}
        for term in self.terms:
            needs = term.loss.needs
            if term.learner == role:
                taps |= dict.fromkeys(needs.learner)
                parameters |= dict.fromkeys(needs.learner_parameters)
            if term.guide == role:
                taps |= dict.fromkeys(needs.guide)
                parameters |= dict.fromkeys(needs.guide_parameters)
        return tuple(taps), tuple(parameters)

    def adopt(self, earlier: Objective) -> tuple[str, ...]:
        """Take over what terms of the same name and class learned in an earlier phase.

        Returns the names of the terms that were handed on.

        Raises:
            ValueError: if a term of the same name and class has parameters of other sizes.
        """
        handed: list[str] = []
        before = {term.name: term.loss for term in earlier.terms}
        for term in self.terms:
            source = before.get(term.name)
            if source is None or type(source) is not type(term.loss) or source is term.loss:
                continue
            try:
                term.loss.load_state_dict(source.state_dict())
            except RuntimeError as error:
                raise ValueError(
                    f"the term {term.name!r} learned other sizes in the phase before, so it cannot "
                    f"be handed on; give it another name to start afresh ({error})"
                ) from error
            handed.append(term.name)
        return tuple(handed)

    def forward(
        self, traces: Mapping[str, Trace], batch: Batch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The total to minimise, and each term's unweighted value for the log."""
        parts: dict[str, Tensor] = {}
        total: Tensor | None = None
        for term in self.terms:
            guide = None if term.guide is None else traces[term.guide]
            if guide is not None and term.detach:
                guide = guide.detach()
            value = term.loss(traces[term.learner], guide, batch)
            parts[term.name] = value.detach()
            weighted = at(term.weight, batch.progress) * value
            total = weighted if total is None else total + weighted
        assert total is not None
        return total, parts
