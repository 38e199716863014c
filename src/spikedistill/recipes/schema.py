"""The schema of a recipe: every key it may hold; whatever is wrong with one is found at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from spikedistill.core.calls import look_in
from spikedistill.metrics import METRICS
from spikedistill.recipes.crossed import crossed
from spikedistill.recipes.data_entry import DataEntry, read_augment, read_data, read_encoder
from spikedistill.recipes.faults import Fault, RecipeError, from_pydantic, say, throw
from spikedistill.recipes.loss_entry import LossEntry, read_losses
from spikedistill.recipes.network_entry import NetworkEntry, read_network
from spikedistill.recipes.options import Choice, checked, choose
from spikedistill.training.settings import Settings


def _read_training(given: Any) -> dict[str, Any]:
    options, faults = checked(Settings, given)
    if faults:
        throw(faults)
    return options


OWN = ("optimizer", "lr", "momentum", "nesterov", "weight_decay", "decay", "schedule", "warmup",
       "milestones", "gamma")  # fmt: skip
"""Settings that a role may have of its own."""


def _read_own_training(given: Any) -> dict[str, Any]:
    options = _read_training(given)
    wrong = [name for name in options if name not in OWN]
    if wrong:
        text = f"belongs to the whole phase; a role of its own may set {', '.join(OWN)}"
        throw([Fault((name,), text) for name in wrong])
    return options


def _read_metrics(given: Any) -> tuple[Choice, ...]:
    if isinstance(given, tuple) and all(isinstance(one, Choice) for one in given):
        return given
    if not isinstance(given, list | tuple):
        throw([Fault((), f"should be a list of metrics, not {say(given)}")])
    found, faults = [], []
    for number, one in enumerate(given):
        choice, wrong = choose(one, METRICS.find, "metric")
        faults += [Fault((number, *fault.path), fault.sentence) for fault in wrong]
        found += [] if choice is None else [choice]
    if faults:
        throw(faults)
    return tuple(found)


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
Losses = Annotated[tuple[LossEntry, ...], BeforeValidator(read_losses)]
Training = Annotated[dict[str, Any], BeforeValidator(_read_training)]


class Claim(_Closed):
    """What a publication says this recipe reaches."""

    metric: str = ""
    """Which metric it is; empty (or `top1`, of earlier versions): the main one."""
    value: float
    source: str = ""


class RoleEntry(_Closed):
    """A way of running one of the recipe's networks."""

    network: str = Field(description="one of `networks`")
    timesteps: Annotated[int, Field(ge=1)] = Field(1, description="T; 1 for an ANN")
    trainable: bool = Field(False, description="true for who learns")
    record: bool = Field(
        False,
        description="true: run it once per sample and keep the answers; for roles that do not "
        "learn, on data that are not augmented",
    )
    training: Annotated[dict[str, Any], BeforeValidator(_read_own_training)] = Field(
        {},
        description="optimiser settings of a role that learns where they are not those of the "
        "phase, as `{lr: 0.01, optimizer: adamw}`",
    )


class Phase(_Closed):
    """A training: roles, a weighted sum of losses, a budget."""

    name: Name = Field(description="of the phase; the last one is `student` where it has none")
    roles: dict[str, RoleEntry] = Field(
        description="name -> how a network runs, for example `student: {network: student, "
        "timesteps: 2, trainable: true}` and `teacher: {network: teacher}`"
    )
    losses: Losses = Field(description="a list; `spikedistill show losses`")
    training: Training = Field(
        {},
        description="what is different from the recipe's `training`; `epochs: 0` judges without "
        "training",
    )
    data: Data | None = Field(
        None, description="data of this phase, where they are not the recipe's: a general corpus"
    )
    compare: dict[Name, Losses] = Field(
        {},
        description="name -> another list of losses; a student each, beside the one of `losses`, "
        "from the same weights and data",
    )

    @property
    def student(self) -> str:
        """The role that is evaluated and saved: `student` where it learns, else who learns."""
        found = self.learning or tuple(self.roles)
        return "student" if "student" in found else found[0]

    @property
    def learning(self) -> tuple[str, ...]:
        """The roles that learn."""
        return tuple(name for name, role in self.roles.items() if role.trainable)


class Recipe(_Closed):
    """One experiment: data, networks, and one or more phases of training."""

    name: Name = Field(
        description="of the recipe, and of its run folder: letters, digits, `-`, `_`, `.` and `+`"
    )
    base: str = Field(
        "",
        exclude=True,
        description="a recipe of the library or another file, over which this one is laid: "
        "mappings are joined key by key, everything else (lists too) is replaced. One level only",
    )
    beside: str = Field(
        "",
        description="the folder in which `file:Name` is looked for too; that of the recipe's file "
        "where nothing is said",
    )
    description: str = Field("", description="a line for lists and reports")
    claim: Claim | None = Field(
        None,
        description='what a publication says it reaches, `{value: 83.6, source: "Table 2"}`, '
        "top-1 in percent; shown beside what was measured",
    )
    seed: Annotated[int, Field(ge=0)] = Field(
        0, description="fixes initial weights, order, augmentation and which samples are held out"
    )
    data: Data = Field(description="`spikedistill show data`")
    augment: Annotated[dict[str, Any], BeforeValidator(read_augment)] = Field(
        {}, description="`spikedistill show augment`"
    )
    encoder: Annotated[str, BeforeValidator(read_encoder)] = Field(
        "direct",
        description="how a sample becomes an input in time: `direct` (the image at every step), "
        "`rate` (a spike with the intensity as its probability), `latency` (one spike, the "
        "earlier the brighter), `frames` (event data; a role of one time step sees the mean frame)",
    )
    metrics: Annotated[tuple[Choice, ...], BeforeValidator(_read_metrics)] = Field(
        (),
        description="what judges, the main one first: of `spikedistill list metrics`, or "
        "`file:Name`; those of the data's task where nothing is said",
    )
    networks: dict[Name, Network] = Field(
        description="name -> network; `spikedistill show networks`"
    )
    training: Training = Field(
        {}, description="budget and optimiser of all phases; `spikedistill show training`"
    )
    phases: tuple[Phase, ...] = Field(description="a list; `spikedistill show phases`")

    def settings(self, phase: Phase) -> Settings:
        """The recipe's training settings with the phase's laid over them."""
        return Settings(**{**self.training, **phase.training})

    def plain(self) -> dict[str, Any]:
        """The recipe with all defaults written out, as YAML holds it; reading it gives it back."""
        claim = {"claim": self.claim.model_dump()} if self.claim else {}
        return {
            "name": self.name,
            "description": self.description,
            **({"beside": self.beside} if self.beside else {}),
            **claim,
            "seed": self.seed,
            "data": self.data.plain(),
            "augment": self.augment,
            "encoder": self.encoder,
            **({"metrics": [one.plain() for one in self.metrics]} if self.metrics else {}),
            "networks": {name: network.plain() for name, network in self.networks.items()},
            "phases": [self._plain_phase(phase) for phase in self.phases],
        }

    def _plain_phase(self, phase: Phase) -> dict[str, Any]:
        training = asdict(self.settings(phase))
        training |= {name: list(training[name]) for name in ("milestones", "track")}
        compare = {
            name: [loss.plain() for loss in losses] for name, losses in phase.compare.items()
        }
        return {
            "name": phase.name,
            **({"data": phase.data.plain()} if phase.data else {}),
            "roles": {name: plain_role(role) for name, role in phase.roles.items()},
            "losses": [loss.plain() for loss in phase.losses],
            **({"compare": compare} if compare else {}),
            "training": training,
        }


def plain_role(role: RoleEntry) -> dict[str, Any]:
    """A role as a recipe writes it."""
    plain = role.model_dump()
    plain["training"] = {key: list(value) if isinstance(value, tuple) else value
                         for key, value in plain["training"].items()}  # fmt: skip
    return plain if plain["training"] else {k: v for k, v in plain.items() if k != "training"}


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
    if given.get("beside"):
        look_in(str(given["beside"]))
    given = _named_phases(given)
    source = source or str(given.get("name", "without a name"))
    faults, recipe = list(before), None
    try:
        recipe = Recipe.model_validate(given)
    except ValidationError as error:
        faults += from_pydantic(error, Recipe)
    faults += list(crossed(given))
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
            settings = recipe.settings(phase)
        except ValueError as error:
            faults.append(Fault(("phases", number, "training"), str(error)))
        else:
            faults += _unsettled_roles(phase, settings, number)
    return faults


def _unsettled_roles(phase: Phase, settings: Settings, number: int) -> Iterator[Fault]:
    """The same of roles with settings of their own."""
    seen: set[str] = set()
    for name, role in phase.roles.items():
        if not role.training:
            continue
        problem = ""
        if not role.trainable:
            problem = "is for a role that learns; mark it with trainable: true, or leave it out"
        elif role.network in seen:
            problem = f"is there in two roles of the network {role.network!r}; leave one out"
        else:
            try:
                replace(settings, **role.training)
            except ValueError as error:
                problem = str(error)
        seen.add(role.network)
        if problem:
            yield Fault(("phases", number, "roles", name, "training"), problem)
