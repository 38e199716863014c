"""What the catalogues hold, for people: lists, pages and references."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from spikedistill.conversion import CONVERSIONS
from spikedistill.core.calls import resolve
from spikedistill.core.catalogue import Catalogue
from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.core.place import supplied
from spikedistill.core.reference import Reference
from spikedistill.data import DATA
from spikedistill.layers import LAYERS
from spikedistill.methods import METHODS
from spikedistill.metrics import METRICS
from spikedistill.models import MODELS
from spikedistill.neurons import NEURONS
from spikedistill.recipes import files
from spikedistill.recipes.blocks import BLOCKS
from spikedistill.recipes.options import hints, parameters, words
from spikedistill.tasks import TASKS


@dataclass(frozen=True)
class Option:
    """One option of something, as text."""

    name: str
    default: str
    takes: str


@dataclass(frozen=True)
class Item:
    """One thing that has a name."""

    kind: str
    name: str
    text: str
    """Its page."""
    options: tuple[Option, ...] = ()
    presets: Mapping[str, str] = field(default_factory=dict)
    """Name -> what it sets."""
    reference: Reference | None = None

    @property
    def summary(self) -> str:
        """The first sentence of its page."""
        return " ".join(self.text.strip().split("\n\n")[0].split())

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def _options(function: Callable[..., Any], skip: tuple[str, ...]) -> tuple[Option, ...]:
    return tuple(
        Option(
            name,
            "required" if one.default is one.empty else _short(one.default),
            _takes(function, one),
        )
        for name, one in parameters(function).items()
        if name not in skip
    )


def _takes(function: Callable[..., Any], one: inspect.Parameter) -> str:
    kind = hints(function).get(one.name, one.annotation)
    return "" if kind is one.empty else kind if isinstance(kind, str) else words(kind)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return repr(float(f"{value:.4g}"))
    return value.__name__ if inspect.isroutine(value) or inspect.isclass(value) else repr(value)


def _doc(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or "")


def shelf(catalogue: Catalogue, kind: str) -> list[Item]:
    """A page for each member of a catalogue."""
    return [_item(catalogue, kind, name) for name in catalogue.names()]


def _item(catalogue: Catalogue, kind: str, name: str) -> Item:
    made, module = catalogue.find(name), catalogue.module(name)
    own = "" if not callable(made) else _doc(made)
    page = [own] if catalogue.several else [_doc(module), own]
    options = _options(made, _skipped(catalogue, made)) if callable(made) else ()
    text = "\n\n".join(filter(None, page))
    return Item(kind, name, text, options, _presets(made), getattr(made, "reference", None))


def _skipped(catalogue: Catalogue, made: Any) -> tuple[str, ...]:
    """Parameters that are not the recipe's to give."""
    if catalogue is METHODS:
        return ("self", "learner", "guide")
    if catalogue is DATA:
        return (next(iter(parameters(made)), ""),)
    return ("self", *supplied(made))


def _presets(made: Any) -> dict[str, str]:
    return {
        name: ", ".join(f"{option} {_short(value)}" for option, value in changes.items())
        or "the defaults"
        for name, changes in getattr(made, "presets", {}).items()
    }


def _recipes() -> list[Item]:
    found = []
    for name in files.names():
        path = files.find(name)
        text = path.read_text(encoding="utf-8")
        summary = str(files.read(name).get("description", ""))
        found.append(Item("recipe", name, f"{summary}\n\n{text}"))
    return found


def _blocks() -> list[Item]:
    return [
        Item(
            "block of a recipe",
            name,
            block.text,
            tuple(Option(key.name, key.default, key.takes) for key in block.keys),
        )
        for name, block in BLOCKS.items()
    ]


CATALOGUES: Mapping[str, tuple[Catalogue, str]] = {
    "methods": (METHODS, "method"),
    "neurons": (NEURONS, "neuron"),
    "layers": (LAYERS, "layer"),
    "models": (MODELS, "model"),
    "data": (DATA, "data set"),
    "conversions": (CONVERSIONS, "conversion"),
    "metrics": (METRICS, "metric"),
    "tasks": (TASKS, "task"),
}
SHELVES: Mapping[str, Callable[[], list[Item]]] = {
    **{name: partial(shelf, *one) for name, one in CATALOGUES.items()},
    "recipes": _recipes,
    "blocks": _blocks,
}


def find(name: str) -> list[Item]:
    """Everything that has this name: `digits` is a network and a data set.

    Raises:
        SpikedistillError: if nothing has; the message names what comes closest.
    """
    if ":" in name:
        return _own(name)
    items = [item for make in SHELVES.values() for item in make()]
    found = [item for item in items if item.name == name]
    if not found:
        known = suggest(name, {item.name for item in items})
        raise SpikedistillError(f"nothing here is called {name!r}; {known}")
    return found


def _own(name: str) -> list[Item]:
    """The page of something in a user's own file."""
    found = resolve(name, callable_only=False)
    for catalogue, kind in CATALOGUES.values():
        if catalogue.is_member(found):
            return [_item(catalogue, kind, name)]
    return [Item("of your own", name, _doc(found), _options(found, ("self",)))]
