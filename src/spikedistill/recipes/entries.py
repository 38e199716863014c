"""The open blocks of a recipe (networks, losses, data): a name, known keys, and options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from spikedistill import data, models
from spikedistill.conversion.twin import spiking_twin
from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.core.loss import Loss
from spikedistill.core.schedule import Schedule
from spikedistill.data import check_label_noise
from spikedistill.recipes import parts
from spikedistill.recipes.faults import Fault, from_pydantic, say, throw
from spikedistill.recipes.options import Choice, checked, choose, split_choice

Normalisation = tuple[float, ...] | None


SPLIT_KEYS = ("valid", "train_limit", "label_noise")


@dataclass(frozen=True)
class DataEntry:
    """Which data, and how much of it."""

    kind: Literal["name", "call", "given"]
    name: str
    valid: int | float | None = None
    train_limit: int | None = None
    label_noise: float | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As a recipe writes it."""
        own = {name: getattr(self, name) for name in SPLIT_KEYS}
        return {self.kind: self.name, **_given(own), **self.options}


@dataclass(frozen=True)
class NetworkEntry:
    """One network: of the zoo, from a user's function, the twin of another, or from Python."""

    kind: Literal["model", "call", "twin_of", "given"]
    name: str
    activation: Choice | None = None
    norm: Choice | None = None
    weights: str | None = None
    mean: Normalisation = None
    std: Normalisation = None
    taps: dict[str, str] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As a recipe writes it."""
        word = "neuron" if self.kind == "twin_of" else "activation"
        own = {
            word: self.activation and self.activation.plain(),
            "norm": self.norm and self.norm.plain(),
            "weights": self.weights,
            "mean": self.mean and list(self.mean),
            "std": self.std and list(self.std),
            "taps": self.taps,
        }
        return {self.kind: self.name, **_given(own), **self.options}


@dataclass(frozen=True)
class LossEntry:
    """One term: a method with its options, its seats and its weight."""

    method: str
    name: str
    weight: float | Schedule = 1.0
    learner: str = "student"
    guide: str | None = "teacher"
    detach: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As a recipe writes it."""
        own: dict[str, Any] = {} if self.name == self.method else {"name": self.name}
        own |= {"weight": _plain(self.weight), "learner": self.learner}
        if self.guide != "teacher" and parts.loss(self.method).uses_guide:
            own["guide"] = self.guide
        own |= {} if self.detach else {"detach": False}
        return {self.method: own | {name: _plain(one) for name, one in self.options.items()}}


def _plain(value: Any) -> Any:
    return asdict(value) if isinstance(value, Schedule) else value


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


_NUMBERS = TypeAdapter(tuple[float, ...])
_TEXT = TypeAdapter(str)
_MAP = TypeAdapter(dict[str, str])
_THRESHOLDS: TypeAdapter[Any] = TypeAdapter(Literal["data"] | float)
_SHARE = TypeAdapter(int | float)
_COUNT = TypeAdapter(int)
_SWITCH = TypeAdapter(bool)
_WEIGHT = TypeAdapter(float)


class _Block:
    """Takes known keys out of a mapping one by one and remembers what was wrong."""

    def __init__(self, given: Any, what: str) -> None:
        self.faults: list[Fault] = []
        if not isinstance(given, Mapping):
            throw([Fault((), f"{what} should be a mapping of names to values, not {say(given)}")])
        self.rest = {str(name): value for name, value in given.items()}

    def take(self, name: str, adapter: TypeAdapter[Any], default: Any = None) -> Any:
        value = self.rest.pop(name, None)
        if value is None:
            return default
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            self.add(name, from_pydantic(error)[:1])
            return default

    def add(self, name: str, faults: list[Fault]) -> None:
        self.faults += [Fault((name, *fault.path), fault.sentence) for fault in faults]

    def kind(self, words: tuple[str, ...], what: str) -> tuple[Any, str]:
        """The one of `words` that is there, and its value."""
        there = [word for word in words if word in self.rest]
        choices = ", ".join(f"{word}: ..." for word in words[:-1])
        if len(there) != 1:
            problem = "says none" if not there else f"says {' and '.join(there)}"
            near = [suggest(key, words) for key in self.rest]
            hint = next((f"; {text}" for text in near if text.startswith("did")), "")
            throw([Fault((), f"{what} needs exactly one of {choices}; it {problem}{hint}")])
        value = self.take(there[0], _TEXT, "")
        self.end()
        return there[0], value

    def end(self) -> None:
        if self.faults:
            throw(self.faults)


def read_data(given: Any) -> DataEntry:
    """The `data:` block."""
    if isinstance(given, DataEntry):
        return given
    block = _Block({"name": given} if isinstance(given, str) else given, "data")
    kind, name = block.kind(("name", "call", "given"), "data")
    valid = block.take("valid", _SHARE)
    limit = block.take("train_limit", _COUNT)
    noise = _take_label_noise(block, kind)
    options = block.rest
    if kind == "name" and name not in data.names():
        block.add("name", [Fault((), f"there is no data set {name!r}; "
                                     f"{suggest(name, data.names())}")])  # fmt: skip
    elif kind == "name":
        module = data.find(name)
        first = next(iter(parts_of(module.load)))
        options, faults = checked(module.load, options, skip=(first,), also=SPLIT_KEYS)
        block.faults += faults
    block.end()
    return DataEntry(kind, name, valid, limit, noise, options)


def _take_label_noise(block: _Block, kind: str) -> float | None:
    share = block.take("label_noise", _WEIGHT)
    if share is None:
        return None
    try:
        check_label_noise(share)
    except SpikedistillError as error:
        block.add("label_noise", [Fault((), str(error))])
    if kind == "given" and share:
        text = "data from Python is taken as it is; make it with data_set(..., label_noise=...)"
        block.add("label_noise", [Fault((), text)])
    return share


def parts_of(function: Any) -> list[str]:
    """Names of the parameters of a function."""
    import inspect

    return list(inspect.signature(function).parameters)


def read_augment(given: Any) -> dict[str, Any]:
    """The `augment:` block, each entry tried alone so that all faults are found."""
    block = _Block(given or {}, "augment")
    for name, value in block.rest.items():
        try:
            data.augmentation({name: value})
        except SpikedistillError as error:
            block.add(name, [Fault((), str(error))])
    block.end()
    return block.rest


def read_encoder(given: Any) -> str:
    """The `encoder:` name."""
    if not isinstance(given, str):
        throw([Fault((), f"should be the name of an encoder, not {say(given)}")])
    try:
        data.encoder(given)
    except SpikedistillError as error:
        throw([Fault((), str(error))])
    return given


def read_network(given: Any) -> NetworkEntry:
    """One entry of `networks:`."""
    if isinstance(given, NetworkEntry):
        return given
    block = _Block({"model": given} if isinstance(given, str) else given, "a network")
    kind, name = block.kind(("model", "call", "twin_of", "given"), "a network")
    found: dict[str, Any] = {}
    if kind == "model":
        found = _read_model(block, name)
    elif kind == "twin_of":
        found["activation"] = _take_choice(block, "neuron", parts.spiking(), "neuron", "lif")
        found["weights"] = block.take("weights", _TEXT)
        if found["weights"] not in (None, "copied", "fresh"):
            text = "the weights of a twin are 'copied' or 'fresh'"
            block.add("weights", [Fault((), f"{text}, not {say(found['weights'])}")])
        thresholds = block.take("thresholds", _THRESHOLDS)
        own = ("neuron", "weights", "thresholds")
        found["options"], faults = checked(
            spiking_twin, block.rest, skip=("network", "activations", *own), also=own
        )
        if thresholds is not None:
            found["options"]["thresholds"] = thresholds
        block.faults += faults
    else:
        found = {"weights": block.take("weights", _TEXT)} | _read_normalisation(block)
        found["taps"] = block.take("taps", _MAP)
        found["options"] = block.rest
    block.end()
    return NetworkEntry(kind, name, **found)


def _read_model(block: _Block, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "activation": _take_choice(block, "activation", parts.activations(), "activation", "relu"),
        "norm": _take_choice(block, "norm", parts.norms(), "norm", None),
        "weights": block.take("weights", _TEXT),
        **_read_normalisation(block),
    }
    if name not in models.names():
        text = f"there is no network {name!r}; {suggest(name, models.names())}"
        block.add("model", [Fault((), text)])
        return found
    found["options"], faults = checked(
        models.find(name),
        block.rest,
        skip=("activation", "norm"),
        also=("activation", "norm", "weights", "mean", "std"),
    )
    block.faults += faults
    return found


def _read_normalisation(block: _Block) -> dict[str, Any]:
    return {"mean": block.take("mean", _NUMBERS), "std": block.take("std", _NUMBERS)}


def _take_choice(
    block: _Block, key: str, catalogue: Mapping[str, Any], kind: str, default: str | None
) -> Choice | None:
    given = block.rest.pop(key, default)
    if given is None:
        return None
    choice, faults = choose(given, catalogue, kind)
    block.add(key, faults)
    return choice


def read_loss(given: Any) -> LossEntry:
    """One entry of `losses:`: `cross_entropy`, or `sastc: {weight: 100.0}`."""
    if isinstance(given, LossEntry):
        return given
    split = split_choice(given)
    if split is None:
        text = "a loss is a method's name, or one with its options, as in `sastc: {weight: 100}`"
        throw([Fault((), f"{text}, not {say(given)}")])
    method, raw = split
    try:
        kind = parts.loss(method)
    except SpikedistillError as error:
        throw([Fault((), str(error))])
    try:
        return _read_term(method, kind, raw)
    except ValidationError as error:
        throw(Fault((method, *fault.path), fault.sentence) for fault in from_pydantic(error))


TERM_KEYS = ("name", "weight", "learner", "guide", "detach")


def _read_term(method: str, kind: type[Loss], raw: Any) -> LossEntry:
    block = _Block(raw, "the options of a method")
    guide = block.rest.get("guide", "teacher")
    own = {
        "name": block.take("name", _TEXT, parts.term_name(method)),
        "weight": _take_weight(block),
        "learner": block.take("learner", _TEXT, "student"),
        "guide": block.take("guide", _TEXT, "teacher") if guide and kind.uses_guide else None,
        "detach": block.take("detach", _SWITCH, True),
    }
    block.rest.pop("guide", None)
    options, faults = checked(kind, block.rest, skip=("learner", "guide"), also=TERM_KEYS)
    block.faults += faults
    block.end()
    return LossEntry(method, options=options, **own)


def _take_weight(block: _Block) -> float | Schedule:
    given = block.rest.get("weight", 1.0)
    if not isinstance(given, Mapping):
        return block.take("weight", _WEIGHT, 1.0)
    options, faults = checked(Schedule, block.rest.pop("weight"))
    block.add("weight", faults)
    if faults:
        return 1.0
    try:
        return Schedule(**options)
    except ValueError as error:
        block.add("weight", [Fault((), str(error))])
        return 1.0
