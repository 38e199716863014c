"""One training of a grid: its coordinates, its recipe, and the key that names it anywhere."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spikedistill.recipes.loss_entry import LossEntry
from spikedistill.recipes.schema import Phase, Recipe, parse, plain_role
from spikedistill.training.settings import Settings
from spikedistill.training.trainer import Look as EpochLook

_INDIFFERENT = ("workers", "save_every", "track")  # settings that leave every number as it is


@dataclass(frozen=True)
class Look:
    """Something to measure besides the row of the table; its values are such as JSON holds."""

    each_epoch: EpochLook | None = None
    afterwards: Callable[[Path, Path | None], Any] | None = None
    """Called with the finished run folder and the place of the data."""


@dataclass(frozen=True)
class Point:
    """A recipe whose last phase has one set of losses: one student."""

    labels: Mapping[str, Any]
    """Coordinate -> value, without the seed: points that differ in the seed only share them."""
    recipe: Recipe
    looks: Mapping[str, Look] = field(default_factory=dict[str, Look])
    """What is measured besides, by name."""
    key: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", key(self.recipe))

    @property
    def seed(self) -> int:
        """The seed of its recipe."""
        return self.recipe.seed

    @property
    def title(self) -> str:
        """Its coordinates and seed in words."""
        words = [str(value) for value in self.labels.values()]
        return ", ".join([*words, f"seed {self.seed}"])


def alone(recipe: Recipe, losses: Sequence[LossEntry]) -> Recipe:
    """The recipe with these losses in its last phase, and nothing to compare with.

    Raises:
        SpikedistillError: if a loss needs what the recipe does not have.
    """
    *before, last = recipe.phases
    lead = [phase.model_copy(update={"compare": {}}) for phase in before]
    own = last.model_copy(update={"losses": tuple(losses), "compare": {}})
    return parse(recipe.model_copy(update={"phases": (*lead, own)}).plain())


def changed(recipe: Recipe, **changes: Any) -> Recipe:
    """The recipe with other values, checked as if read from a file.

    Args:
        recipe: the recipe.
        changes: `seed=1`, or a dotted path with `__` for the dots and phases by number:
            `data__label_noise=0.2`, `phases__0__roles__student__timesteps=4`; None: as if it had
            not been written.
    """
    plain = copy.deepcopy(recipe.plain())
    for path, value in changes.items():
        *keys, name = path.split("__")
        here: Any = plain
        for step in keys:
            here = here[int(step) if isinstance(here, list) else step]
        here[name] = value
        if value is None:
            del here[name]
    return parse(plain)


def seeded(recipe: Recipe, seeds: int) -> list[Recipe]:
    """The recipe with its own seed and the following ones."""
    return [recipe.model_copy(update={"seed": recipe.seed + n}) for n in range(seeds)]


def essence(recipe: Recipe) -> dict[str, Any]:
    """All of a recipe that its numbers depend on, and no names that a user chose.

    Roles that no loss looks at, networks that no role runs and settings at their defaults are left
    out, so that the same training has one essence wherever it comes from.
    """
    plain = recipe.plain()
    phases = [_essence(phase, recipe.settings(phase)) for phase in recipe.phases]
    used = {role["network"] for phase in phases for role in phase["roles"].values()}
    waiting = list(used)
    while waiting:
        sources = recipe.networks[waiting.pop()].sources
        waiting += [name for name in sources if name not in used]
        used |= set(sources)
    chosen = {"metrics": plain["metrics"]} if "metrics" in plain else {}
    return {
        "seed": recipe.seed,
        "data": plain["data"],
        "augment": plain["augment"],
        "encoder": plain["encoder"],
        **chosen,
        "networks": {name: plain["networks"][name] for name in sorted(used)},
        "phases": phases,
    }


def _essence(phase: Phase, settings: Settings) -> dict[str, Any]:
    seated = {seat for loss in phase.losses for seat in (loss.learner, loss.guide)}
    usual = asdict(Settings())
    return {
        "roles": {
            name: plain_role(role)
            for name, role in phase.roles.items()
            if role.trainable or name in seated
        },
        **({"data": phase.data.plain()} if phase.data else {}),
        "losses": [loss.plain() for loss in phase.losses],
        "training": {
            name: value
            for name, value in asdict(settings).items()
            if value != usual[name] and name not in _INDIFFERENT
        },
    }


def key(recipe: Recipe) -> str:
    """Sixteen hexadecimal digits that name a training on every machine."""
    text = json.dumps(essence(recipe), sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def unique(points: Iterable[Point]) -> list[Point]:
    """One point for each key, with the looks of all that have it, in the order of appearance."""
    found: dict[str, Point] = {}
    for point in points:
        known = found.get(point.key)
        looks = {**(known.looks if known else {}), **point.looks}
        found[point.key] = Point((known or point).labels, point.recipe, looks)
    return list(found.values())
