"""Options that a recipe gives to a method, neuron or network, checked against its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from dataclasses import fields as dataclass_fields
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.core.place import supplied
from spikedistill.recipes.faults import Fault, from_pydantic, say


def parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The named parameters of a function or of a constructor."""
    found = inspect.signature(function).parameters
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: parameter for name, parameter in found.items() if parameter.kind in kinds}


def checked(
    function: Callable[..., Any],
    given: Any,
    *,
    skip: Collection[str] = (),
    also: Collection[str] = (),
) -> tuple[dict[str, Any], list[Fault]]:
    """The options with their types put right (`4` for a float is 4.0), and what is wrong.

    Args:
        function: a function or class whose signature says what there is.
        given: what the recipe says; None is no option.
        skip: parameters that are not the recipe's to give.
        also: names that belong to somebody else: known, but not of this function.
    """
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        return {}, [Fault((), f"should be a mapping of options, not {say(given)}")]
    known = {name: one for name, one in parameters(function).items() if name not in skip}
    open_ended = any(
        one.kind is one.VAR_KEYWORD for one in inspect.signature(function).parameters.values()
    )
    types, faults, good = hints(function), [], {}
    for name, value in given.items():
        if name in known:
            good[name], wrong = _checked_value(types.get(name, Any), value)
            faults += [Fault((name, *fault.path), fault.sentence) for fault in wrong]
        elif open_ended:
            good[name] = value
        else:
            faults.append(
                Fault((str(name),), f"unknown option; {suggest(str(name), [*known, *also])}")
            )
    for name, one in known.items():
        if one.default is one.empty and name not in given:
            faults.append(Fault((name,), "is required and missing"))
    return good, faults


def _checked_value(kind: Any, value: Any) -> tuple[Any, list[Fault]]:
    made = next(filter(is_dataclass, get_args(kind)), None)
    if made is not None and _is_union(kind) and isinstance(value, Mapping):
        return _made(made, value)
    adapter = _adapter(kind)
    if adapter is None:
        return value, []
    try:
        converted = adapter.validate_python(value)
    except ValidationError as error:
        faults = from_pydantic(error)
        if len(faults) > 1:  # one for every branch of a union: say what the value should be
            return value, [Fault((), f"{say(value)} does not fit; it takes {words(kind)}")]
        return value, faults
    # a mapping or object stays as it was written; only plain values are converted
    return (converted if isinstance(converted, (bool, int, float, str, tuple)) else value), []


def _made(kind: Any, given: Mapping[str, Any]) -> tuple[Any, list[Fault]]:
    """An object from the mapping of its fields, as for a schedule."""
    options, faults = checked(kind, given)
    if faults:
        return given, faults
    try:
        return kind(**options), []
    except ValueError as error:
        return given, [Fault((), str(error))]


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


_WORDS = {
    "float": ("a number", "numbers"),
    "int": ("a whole number", "whole numbers"),
    "str": ("text", "texts"),
    "bool": ("true or false", "true or false"),
    "NoneType": ("nothing", "nothing"),
}
"""Of one and of several values of a type."""


def words(kind: Any) -> str:
    """What a type takes, as a person says it."""
    if Callable in map(get_origin, (kind, *get_args(kind))):
        return "a name or {name: options}"
    if not get_args(kind):
        name = str(getattr(kind, "__name__", kind))
        fields = [one.name for one in dataclass_fields(kind)] if is_dataclass(kind) else []
        return f"a mapping of {', '.join(fields)}" if fields else _WORDS.get(name, (name,))[0]
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    if _is_union(kind):
        return " or ".join(map(words, get_args(kind)))
    if get_origin(kind) in (list, tuple, Sequence):
        name = str(getattr(get_args(kind)[0], "__name__", ""))
        return f"a list of {_WORDS[name][-1]}" if name in _WORDS else "a list"
    if get_origin(kind) in (dict, Mapping):
        return "a mapping"
    return str(kind).replace("typing.", "")


@cache
def hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The types of the parameters; empty where annotations exist for checkers only."""
    try:
        return get_type_hints(function.__init__ if inspect.isclass(function) else function)
    except (NameError, TypeError, AttributeError):
        return {}


def _adapter(kind: Any) -> TypeAdapter[Any] | None:
    try:
        return TypeAdapter(kind, config=ConfigDict(arbitrary_types_allowed=True))
    except (PydanticUserError, TypeError, NameError):
        return None


@dataclass(frozen=True)
class Choice:
    """One of a catalogue, with options: `lif` or `{lif: {tau: 2.0}}` in a recipe."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> Any:
        """As a recipe writes it."""
        options = {
            name: value.plain() if isinstance(value, Choice) else value
            for name, value in self.options.items()
        }
        return {self.name: options} if options else self.name


def split_choice(given: Any) -> tuple[str, Any] | None:
    """Name and raw options of `name` or `{name: options}`; None where it is neither."""
    if isinstance(given, str):
        return given, {}
    if isinstance(given, Mapping) and len(given) == 1:
        ((name, options),) = given.items()
        return str(name), {} if options is None else options
    return None


def choose(
    given: Any, find: Callable[[str], Callable[..., Any]], kind: str
) -> tuple[Choice | None, list[Fault]]:
    """Read a choice from a catalogue.

    Args:
        given: what the recipe says.
        find: name -> what takes the options; a name that leads nowhere is a SpikedistillError.
        kind: how messages call one entry.
    """
    if isinstance(given, Choice):
        return given, []
    parts = split_choice(given)
    if parts is None:
        return None, [
            Fault((), f"should be the name of one {kind}, or {{name: options}}, not {say(given)}")
        ]
    name, raw = parts
    try:
        made = find(name)
    except SpikedistillError as error:
        return None, [Fault((), str(error))]
    presets = getattr(made, "presets", {})
    plain = isinstance(raw, Mapping)
    rest = {key: raw[key] for key in raw if key != "preset"} if presets and plain else raw
    also = ("preset",) if presets else ()
    options, faults = checked(made, rest, skip=supplied(made), also=also)
    if presets and plain and "preset" in raw:
        if raw["preset"] not in presets:
            text = f"{name} has no preset {raw['preset']!r}; {suggest(str(raw['preset']), presets)}"
            faults.append(Fault(("preset",), text))
        options = {"preset": raw["preset"], **options}
    return Choice(name, options), [Fault((name, *fault.path), fault.sentence) for fault in faults]
