"""What the catalogues hold, for people: lists, pages and references."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from types import ModuleType
from typing import Any

from spikedistill import data, layers, methods, models, neurons
from spikedistill.core.catalogue import find as find_class
from spikedistill.core.catalogue import names
from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.core.reference import Reference
from spikedistill.recipes import files, parts
from spikedistill.recipes.blocks import BLOCKS
from spikedistill.recipes.options import parameters, split_choice
from spikedistill.training.settings import Settings


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
            "" if one.annotation is one.empty else str(one.annotation),
        )
        for name, one in parameters(function).items()
        if name not in skip
    )


def _short(value: Any) -> str:
    if isinstance(value, float):
        return repr(float(f"{value:.4g}"))
    return value.__name__ if inspect.isroutine(value) or inspect.isclass(value) else repr(value)


def _modules(package: ModuleType) -> Iterator[tuple[str, ModuleType]]:
    for file in sorted(pkgutil.iter_modules(package.__path__), key=lambda file: file.name):
        if not file.name.startswith("_"):
            yield file.name, importlib.import_module(f"{package.__name__}.{file.name}")


def _doc(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or "")


def _catalogue(package: ModuleType, kind: str, skip: tuple[str, ...]) -> list[Item]:
    found = []
    for name in names(package):
        made = find_class(package, name)
        module = importlib.import_module(made.__module__)
        page = [_doc(module), *([_doc(made)] if kind == "neuron" else [])]
        reference = getattr(made, "reference", None)
        text, options = "\n\n".join(page), _options(made, ("self", *skip))
        found.append(Item(kind, name, text, options, _presets(made), reference))
    return found


def _presets(made: Any) -> dict[str, str]:
    return {
        name: ", ".join(f"{option} {_short(value)}" for option, value in changes.items())
        or "the defaults"
        for name, changes in getattr(made, "presets", {}).items()
    }


def _methods() -> list[Item]:
    return _catalogue(methods, "method", ("learner", "guide"))


def _neurons() -> list[Item]:
    return _catalogue(neurons, "neuron", ())


def _layers() -> list[Item]:
    return [
        Item("layer", name, "\n\n".join([_doc(module), *(_doc(one) for one in _public(module))]))
        for name, module in _modules(layers)
    ]


def _public(module: ModuleType) -> list[Any]:
    return [
        value
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and name[0] != "_"
    ]


def _models() -> list[Item]:
    return [
        Item("model", name, _doc(models.find(name)), _options(models.find(name), ()))
        for name in models.names()
    ]


def _data() -> list[Item]:
    found = []
    for name in data.names():
        module = data.find(name)
        first = next(iter(parameters(module.load)))
        text = f"{_doc(module)}\n\n{_doc(module.load)}"
        found.append(Item("data set", name, text, _options(module.load, (first,))))
    return found


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
        Item("block of a recipe", name, text, _options(Settings, ()) if name == "training" else ())
        for name, text in BLOCKS.items()
    ]


SHELVES: Mapping[str, Callable[[], list[Item]]] = {
    "methods": _methods,
    "neurons": _neurons,
    "layers": _layers,
    "models": _models,
    "data": _data,
    "recipes": _recipes,
    "blocks": _blocks,
}


def find(name: str) -> list[Item]:
    """Everything that has this name: `digits` is a network and a data set.

    Raises:
        SpikedistillError: if nothing has; the message names what comes closest.
    """
    items = [item for shelf in SHELVES.values() for item in shelf()]
    found = [item for item in items if item.name == name]
    if not found:
        known = suggest(name, {item.name for item in items})
        raise SpikedistillError(f"nothing here is called {name!r}; {known}")
    return found


def references(config: Mapping[str, Any]) -> list[Reference]:
    """The publications of all methods in a resolved recipe, each once."""
    found: dict[str, Reference] = {}
    for phase in config.get("phases", []):
        for losses in (phase["losses"], *phase.get("compare", {}).values()):
            for loss in losses:
                reference = _reference(loss)
                if reference is not None:
                    found[reference.key] = reference
    return list(found.values())


def _reference(loss: Any) -> Reference | None:
    """None for a method of a user's own that has none, or that cannot be found from here."""
    name, _ = split_choice(loss) or ("", None)
    try:
        return getattr(parts.loss(name), "reference", None)
    except SpikedistillError:
        if ":" not in name:
            raise
        return None
