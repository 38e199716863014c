"""Options that take one of a few words: a word that is not among them is refused, once, by name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from types import UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from spikedistill.core.errors import SpikedistillError, suggest

Checked = TypeVar("Checked", bound=Callable[..., Any])


def choices_checked(function: Checked, owner: str = "") -> Checked:
    """The function, or a class through its constructor, with its `Literal` options checked.

    What a signature says is enough: `time: Literal["fused", "steps"]` takes these two, and
    `temperature: float | Literal["learned"]` one word beside numbers.

    Args:
        function: what is called; of a class the constructor, whose class is returned.
        owner: how messages call it; default its name.

    Example:
        >>> @choices_checked
        ... def paint(colour: Literal["red", "blue"] = "red") -> str:
        ...     return colour
        >>> paint("blue")
        'blue'
        >>> paint("bleu")
        Traceback (most recent call last):
            ...
        spikedistill.core.errors.SpikedistillError: paint has no colour 'bleu'; did you mean 'blue'? It takes 'red' or 'blue'
    """  # noqa: E501
    if isinstance(function, type):
        _check_constructor(function)
        return cast(Checked, function)
    signature, name = inspect.signature(function), owner or function.__name__

    @functools.wraps(function)
    def checked(*args: Any, **options: Any) -> Any:
        known = choices(function)
        if known:
            try:
                given = signature.bind(*args, **options).arguments
            except TypeError:  # Python says it better when it is called
                given = {}
            for option, value in given.items():
                _check(name, option, value, known.get(option))
        return function(*args, **options)

    return cast(Checked, checked)


class ChoicesChecked:
    """A base of classes: the `Literal` options of every subclass's constructor are checked."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _check_constructor(cls)


def _check_constructor(made: type) -> None:
    own = made.__dict__.get("__init__")
    if inspect.isfunction(own):
        made.__init__ = choices_checked(own, made.__name__)  # type: ignore[misc]


@cache
def choices(function: Callable[..., Any]) -> dict[str, tuple[tuple[Any, ...], bool]]:
    """Option -> the words that it takes, and whether it takes any other text.

    Empty where annotations exist for checkers only.
    """
    try:
        hints = get_type_hints(function)
    except (NameError, TypeError, AttributeError):
        return {}
    found = {name: list(_branches(hint)) for name, hint in hints.items() if name != "return"}
    return {
        name: (
            tuple(word for one in kinds if get_origin(one) is Literal for word in get_args(one)),
            len(kinds) == 1,
        )
        for name, kinds in found.items()
        if any(get_origin(one) is Literal for one in kinds)
        and not {str, object, Any} & {one for one in kinds if isinstance(one, type) or one is Any}
    }


def _branches(hint: Any) -> Iterator[Any]:
    if get_origin(hint) in (Union, UnionType):
        for one in get_args(hint):
            yield from _branches(one)
    else:
        yield hint


def _check(owner: str, option: str, value: Any, known: tuple[tuple[Any, ...], bool] | None) -> None:
    if known is None:
        return
    words, nothing_else = known
    if not (isinstance(value, str) or nothing_else):
        return
    if not any(isinstance(value, type(word)) and value == word for word in words):
        close = suggest(str(value), map(str, words))
        hint = f"{close} It" if close.startswith("did") else "it"
        raise SpikedistillError(
            f"{owner} has no {option} {value!r}; {hint} takes {' or '.join(map(repr, words))}"
        )
