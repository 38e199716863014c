"""Faults of a recipe: collected, each with its path, and shown all at once."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.core.speech import remedy

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, and where."""

    path: Path
    sentence: str

    def __str__(self) -> str:
        where = shown(self.path)
        return f"{where}: {self.sentence}" if where else self.sentence


class RecipeError(SpikedistillError):
    """A recipe that cannot be run, with everything that is wrong with it."""

    def __init__(self, name: str, faults: Sequence[Fault]) -> None:
        self.faults = tuple(dict.fromkeys(faults))
        count = "a fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        lines = "".join(f"\n  {fault}" for fault in self.faults)
        what = remedy(f"the recipe {name} has", "the arguments of this call have")
        super().__init__(f"{what} {count}:{lines}")


def shown(path: Path) -> str:
    """A path as a person writes it.

    Example:
        >>> shown(("phases", 1, "losses", 2, "sastc", "weight"))
        'phases[1].losses[2].sastc.weight'

    Where Python is spoken, it is shown as an argument of `spikedistill.distill`.
    """
    path = path if remedy("recipe", "python") == "recipe" else _argument(path)
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _argument(path: Path) -> Path:
    """The argument of a call that became this place in a recipe."""
    match path:
        case ("training" | "networks", first, *rest):
            return (str(first), *rest)
        case ("phases", _, "losses", _, *rest):
            return ("losses", *rest)
        case ("phases", _, "roles", _, *rest) if rest:
            return tuple(rest)
        case ("phases", _, "training", *rest):
            return tuple(rest)
        case _:
            return path


def throw(faults: Iterable[Fault]) -> NoReturn:
    """Raise faults inside a validator; pydantic puts the path of the field in front of theirs."""
    raise ValidationError.from_exception_data(
        "recipe",
        [
            InitErrorDetails(
                type=PydanticCustomError("fault", "{sentence}", {"sentence": fault.sentence}),
                loc=fault.path,
                input=None,
            )
            for fault in faults
        ],
    )


def from_pydantic(error: ValidationError, model: type[BaseModel] | None = None) -> list[Fault]:
    """What pydantic found, in our words.

    Args:
        error: what it raised.
        model: the model that was validated; its field names are what unknown keys are compared to.
    """
    return [Fault(item["loc"], _sentence(item, model)) for item in error.errors()]


_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a mapping of names to values",
    "mapping": "a mapping of names to values",
    "model": "a mapping of names to values",
    "dataclass": "a mapping of names to values",
}


def _sentence(item: ErrorDetails, model: type[BaseModel] | None) -> str:
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    if kind == "fault":
        return item["msg"]
    if kind == "missing":
        return "is required and missing"
    if kind == "extra_forbidden":
        known = _known_at(model, item["loc"][:-1]) if model else ()
        return f"unknown option; {suggest(str(item['loc'][-1]), known)}"
    if kind == "literal_error":
        known = [part.strip(" '") for part in context["expected"].replace(" or ", ",").split(",")]
        return f"{say(value)} is not one of the choices; {suggest(str(value), known)}"
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}, not {say(value)}"
    expected = _EXPECTED.get(kind.split("_")[0])
    if expected is not None:
        return f"should be {expected}, not {say(value)}"
    return f"{item['msg'][0].lower()}{item['msg'][1:]}, not {say(value)}"


def say(value: Any) -> str:
    """A value and what kind it is, in a few words.

    Example:
        >>> say("three"), say([1]), say(None)
        ("the text 'three'", 'the list [1]', 'nothing')
    """
    if value is None:
        return "nothing"
    for kind, word in ((str, "text"), (Mapping, "mapping"), ((list, tuple), "list")):
        if isinstance(value, kind):
            text = repr(value)
            return f"the {word} {text if len(text) < 60 else text[:57] + '...'}"
    return repr(value)


def _known_at(model: Any, path: Path) -> Sequence[str]:
    """The field names of the model that a path inside `model` leads to."""
    for step in path:
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(str(step))
            model = None if field is None else field.annotation
        else:
            model = _inner(model)
        while get_origin(model) in (Union, types.UnionType):
            model = next(arg for arg in get_args(model) if arg is not types.NoneType)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return list(model.model_fields)
    return ()


def _inner(container: Any) -> Any:
    inside = [arg for arg in get_args(container) if arg is not ...]
    return inside[-1] if inside else None
