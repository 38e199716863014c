"""The losses of a recipe, taken apart: what looks at labels, at answers, at features."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import Any

from spikedistill.build.cells import cells
from spikedistill.build.losses import build_specs
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.spec import Spec
from spikedistill.grid.points import Point, alone
from spikedistill.methods.sastc import SASTC
from spikedistill.planning.plan import Planner
from spikedistill.recipes.loss_entry import LossEntry
from spikedistill.recipes.schema import Recipe

CORE = "sastc"
_GAPS = ("features", "grid", "norm_over", "pool", "projector", "skip_below")
"""Options of SASTC that change how a pair of layers is compared."""


@dataclass(frozen=True)
class Terms:
    """The losses of a recipe's last phase by what they look at."""

    recipe: Recipe
    labels: tuple[LossEntry, ...]
    """Those that look at no guide."""
    answers: tuple[LossEntry, ...]
    """Those that look at a guide's outputs, or at anything but SASTC's layers."""
    core: LossEntry
    """SASTC."""

    @property
    def plain(self) -> tuple[LossEntry, ...]:
        """All but SASTC."""
        return (*self.labels, *self.answers)

    @property
    def plain_name(self) -> str:
        """What `plain` adds to labels, in words."""
        return "".join(f" + {loss.name.replace('_kd', ' KD')}" for loss in self.answers).strip()

    @property
    def whole(self) -> tuple[LossEntry, ...]:
        """All, SASTC last."""
        return (*self.plain, self.core)

    def with_core(self, **options: Any) -> tuple[LossEntry, ...]:
        """All, with other options of SASTC."""
        return (*self.plain, replace(self.core, options={**self.core.options, **options}))

    def with_hint(self, pairs: dict[str, str]) -> tuple[LossEntry, ...]:
        """All, with a fixed hint of the same weight in the place of SASTC.

        Args:
            pairs: student tap -> teacher tap.

        Raises:
            SpikedistillError: if SASTC compares layers in a way that a hint cannot.
        """
        usual, mine = inspect.signature(SASTC).parameters, self.core.options
        changed = [
            name for name in _GAPS if mine.get(name, usual[name].default) != usual[name].default
        ]
        if changed:
            raise SpikedistillError(
                f"a fixed hint has the usual projector, and {self.core.name} of "
                f"{self.recipe.name} sets {', '.join(changed)}: they would differ in more than "
                "their pairs; leave these options out"
            )
        core, options = self.core, {"pairs": pairs}
        hint = LossEntry("fitnet", "fitnet", core.weight, core.learner, core.guide, options=options)
        return (*self.plain, hint)

    def point(self, labels: dict[str, Any], losses: tuple[LossEntry, ...], **looks: Any) -> Point:
        """A student of these losses."""
        return Point(labels, alone(self.recipe, losses), looks)


def terms(recipe: Recipe, study: str) -> Terms:
    """The losses of a recipe's last phase.

    Raises:
        SpikedistillError: if the phase has no teacher, or no SASTC.
    """
    last = recipe.phases[-1]
    if all(role.trainable for role in last.roles.values()):
        raise SpikedistillError(
            f"the study {study} compares ways to learn from a teacher, and {recipe.name} has none: "
            f"every role of its phase {last.name!r} learns; name a recipe with a teacher, for "
            "example cifar10-study or digits-sastc"
        )
    found = [loss for loss in last.losses if loss.method == CORE]
    if len(found) != 1:
        have = ", ".join(loss.method for loss in last.losses)
        raise SpikedistillError(
            f"the study {study} needs a recipe whose last phase has one {CORE} loss; "
            f"{recipe.name} has {have}; add `- {CORE}: {{weight: 100.0}}` to its losses"
        )
    others = [loss for loss in last.losses if loss.method != CORE]
    labels = tuple(loss for loss in others if loss.guide is None)
    return Terms(recipe, labels, tuple(loss for loss in others if loss.guide), found[0])


def labelled(parts: Terms, study: str) -> Terms:
    """The same losses, for a study that has a student of labels only.

    Raises:
        SpikedistillError: if no loss looks at labels.
    """
    if not parts.labels:
        raise SpikedistillError(
            f"the study {study} compares with a student of labels only, and no loss of "
            f"{parts.recipe.name} looks at labels; add `- cross_entropy` to its losses"
        )
    return parts


def validated(recipe: Recipe, study: str) -> None:
    """Refuse a recipe without validation images, for a study that looks at some.

    Raises:
        SpikedistillError: if there are none.
    """
    if recipe.data.valid == 0:
        raise SpikedistillError(
            f"the study {study} looks at validation images, and {recipe.name} has data.valid = 0; "
            "set data.valid to a share or a number of training images, for example 0.1"
        )


def compared_taps(terms: Terms) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The taps of student and teacher that SASTC looks at; neither data nor weights are read.

    Raises:
        SpikedistillError: if a network cannot be built.
    """
    planner = Planner(terms.recipe)
    cell, core = cells(terms.recipe)[-1], terms.core
    specs: dict[str, Spec] = build_specs(
        cell.phase.roles,
        planner.networks(cell),
        planner.batch(2),
        terms.recipe.encoder,
        planner.data,
    )
    assert core.guide is not None
    usual = ("stage[0-9]",)
    return (
        specs[core.learner].select(*core.options.get("learner_taps", usual)),
        specs[core.guide].select(*core.options.get("guide_taps", usual)),
    )
