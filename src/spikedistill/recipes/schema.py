"""The schema of a recipe: every key it may hold; whatever is wrong with one is found at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from spikedistill.core.errors import suggest
from spikedistill.recipes.entries import (
    DataEntry,
    LossEntry,
    NetworkEntry,
    read_augment,
    read_data,
    read_encoder,
    read_loss,
    read_network,
)
from spikedistill.recipes.faults import Fault, Path, RecipeError, from_pydantic, say, throw
from spikedistill.recipes.options import checked
from spikedistill.training.settings import Settings


def _read_training(given: Any) -> dict[str, Any]:
    options, faults = checked(Settings, given)
    if faults:
        throw(faults)
    return options


def _read_name(given: Any) -> str:
    if not isinstance(given, str) or not re.fullmatch(r"[\w][\w.+-]*", given):
        text = "a name becomes a folder: letters, digits, '-', '_', '.' and '+'"
        throw([Fault((), f"{text}; not {say(given)}")])
    return given


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


Name = Annotated[str, BeforeValidator(_read_name)]
Data = Annotated[DataEntry, BeforeValidator(read_data)]
Network = Annotated[NetworkEntry, BeforeValidator(read_network)]
Losses = tuple[Annotated[LossEntry, BeforeValidator(read_loss)], ...]
Training = Annotated[dict[str, Any], BeforeValidator(_read_training)]


class Claim(_Closed):
    """What a publication says this recipe reaches."""

    metric: Literal["top1"] = "top1"
    value: float
    source: str = ""


class RoleEntry(_Closed):
    """A way of running one of the recipe's networks."""

    network: str
    timesteps: Annotated[int, Field(ge=1)] = 1
    trainable: bool = False
    record: bool = False
    """Run it once per sample and keep the answers: for roles that do not learn, on data that are
    not augmented."""


class Phase(_Closed):
    """Roles, a weighted sum of losses, a budget; and other sets of losses to compare with."""

    name: Name
    roles: dict[str, RoleEntry]
    losses: Losses
    training: Training = {}
    compare: dict[Name, Losses] = {}

    @property
    def student(self) -> str:
        """The role that is evaluated and saved: `student` where it learns, else who learns."""
        learning = [name for name, role in self.roles.items() if role.trainable]
        return "student" if "student" in learning else learning[0]


class Recipe(_Closed):
    """One experiment."""

    name: Name
    description: str = ""
    claim: Claim | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    data: Data
    augment: Annotated[dict[str, Any], BeforeValidator(read_augment)] = {}
    encoder: Annotated[str, BeforeValidator(read_encoder)] = "direct"
    networks: dict[Name, Network]
    training: Training = {}
    phases: tuple[Phase, ...]

    def settings(self, phase: Phase) -> Settings:
        """The recipe's training settings with the phase's laid over them."""
        return Settings(**{**self.training, **phase.training})

    def plain(self) -> dict[str, Any]:
        """The recipe with all defaults written out, as YAML holds it; reading it gives it back."""
        claim = {"claim": self.claim.model_dump()} if self.claim else {}
        return {
            "name": self.name,
            "description": self.description,
            **claim,
            "seed": self.seed,
            "data": self.data.plain(),
            "augment": self.augment,
            "encoder": self.encoder,
            "networks": {name: network.plain() for name, network in self.networks.items()},
            "phases": [self._plain_phase(phase) for phase in self.phases],
        }

    def _plain_phase(self, phase: Phase) -> dict[str, Any]:
        training = asdict(self.settings(phase))
        training["milestones"] = list(training["milestones"])
        compare = {
            name: [loss.plain() for loss in losses] for name, losses in phase.compare.items()
        }
        return {
            "name": phase.name,
            "roles": {name: role.model_dump() for name, role in phase.roles.items()},
            "losses": [loss.plain() for loss in phase.losses],
            **({"compare": compare} if compare else {}),
            "training": training,
        }


def parse(given: Any, source: str = "", before: Sequence[Fault] = ()) -> Recipe:
    """A recipe from its mapping.

    Args:
        given: what the YAML file holds, `base` already merged.
        source: how messages call the recipe; default its name.
        before: faults that were found on the way here, to be shown with the others.

    Raises:
        RecipeError: with every fault and its path.
    """
    if not isinstance(given, Mapping):
        raise RecipeError(source, [Fault((), f"should be a mapping, not {say(given)}")])
    given = _named_phases(given)
    source = source or str(given.get("name", "without a name"))
    faults, recipe = list(before), None
    try:
        recipe = Recipe.model_validate(given)
    except ValidationError as error:
        faults += from_pydantic(error, Recipe)
    faults += list(_crossed(given))
    if recipe is not None and not faults:
        faults += _unsettled(recipe)
    if faults or recipe is None:
        raise RecipeError(source, faults)
    return recipe


def _named_phases(given: Mapping[str, Any]) -> dict[str, Any]:
    """Phases without a name get one: the last is `student`, the others `phase1`, ..."""
    phases = given.get("phases")
    if not isinstance(phases, list):
        return dict(given)
    last = len(phases)
    named = [
        {"name": "student" if number == last else f"phase{number}", **phase}
        if isinstance(phase, Mapping)
        else phase
        for number, phase in enumerate(phases, 1)
    ]
    return {**given, "phases": named}


def _unsettled(recipe: Recipe) -> list[Fault]:
    """What is wrong with settings only when the phase's are laid over the recipe's."""
    faults = []
    for number, phase in enumerate(recipe.phases):
        try:
            recipe.settings(phase)
        except ValueError as error:
            faults.append(Fault(("phases", number, "training"), str(error)))
    return faults


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _crossed(given: Mapping[str, Any]) -> Iterator[Fault]:
    """Names that should lead to something else in the recipe; looked for in the raw mapping.

    So they are found even where another part of the recipe is wrong.
    """
    networks = _mapping(given.get("networks"))
    for name, network in networks.items():
        other = _mapping(network).get("twin_of")
        if isinstance(other, str) and other not in set(networks) - {name}:
            path = ("networks", str(name), "twin_of")
            yield Fault(path, f"there is no other network {other!r}; {suggest(other, networks)}")
    phases = given.get("phases")
    if phases == []:
        yield Fault(("phases",), "needs at least one phase")
    cells: list[str] = []
    for number, phase in enumerate(phases if isinstance(phases, list) else []):
        here = ("phases", number)
        yield from _crossed_phase(_mapping(phase), here, given)
        for cell in [_mapping(phase).get("name"), *_mapping(_mapping(phase).get("compare"))]:
            if cell in cells:
                yield Fault(here, f"two trainings are called {cell!r}; give each its own name")
            cells.append(str(cell))


def _crossed_phase(
    phase: Mapping[str, Any], here: Path, given: Mapping[str, Any]
) -> Iterator[Fault]:
    networks = _mapping(given.get("networks"))
    roles = _mapping(phase.get("roles"))
    for name, role in roles.items():
        network = _mapping(role).get("network")
        if isinstance(network, str) and network not in networks:
            path = (*here, "roles", str(name), "network")
            yield Fault(path, f"there is no network {network!r}; {suggest(network, networks)}")
    yield from _crossed_records(given, roles, (*here, "roles"))
    if roles and not any(_mapping(role).get("trainable") for role in roles.values()):
        yield Fault((*here, "roles"), "no role learns; mark one with trainable: true")
    sets = {("losses",): phase.get("losses")} | {
        ("compare", str(name)): losses for name, losses in _mapping(phase.get("compare")).items()
    }
    for where, losses in sets.items():
        yield from _crossed_losses(losses, (*here, *where), roles)


def _crossed_records(
    given: Mapping[str, Any], roles: Mapping[Any, Any], here: Path
) -> Iterator[Fault]:
    """Roles to be recorded that would answer differently at the next visit of a sample."""
    learning = {
        _mapping(role).get("network") for role in roles.values() if _mapping(role).get("trainable")
    }
    augment = _mapping(given.get("augment"))
    for name, role in roles.items():
        if _mapping(role).get("record") is not True:
            continue
        reasons = {
            "its network learns in this phase": _mapping(role).get("network") in learning,
            "the data are augmented; leave out augment": any(augment.values()),
            "encoder: rate draws its input anew each time": given.get("encoder") == "rate",
        }
        for reason, holds in reasons.items():
            if holds:
                text = "cannot be recorded, because it would not answer the same twice"
                yield Fault((*here, str(name), "record"), f"{text}: {reason}, or set record: false")


def _crossed_losses(losses: Any, here: Path, roles: Mapping[Any, Any]) -> Iterator[Fault]:
    seen: list[str] = []
    if losses == []:
        yield Fault(here, "needs at least one loss")
    for number, given in enumerate(losses if isinstance(losses, list) else []):
        try:
            loss = read_loss(given)
        except ValidationError:
            continue  # its own faults are told where it is read
        path = (*here, number, loss.method)
        for seat in ("learner", "guide"):
            role = getattr(loss, seat)
            if role is not None and role not in roles:
                text = f"the {seat} is {role!r}, and there is no such role; {suggest(role, roles)}"
                yield Fault(path, text)
        if loss.name in seen:
            yield Fault(path, f"two losses are called {loss.name!r}; give one of them a `name:`")
        seen.append(loss.name)
