"""Known keys taken out of an open block of a recipe one by one; what is left are options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from spikedistill.core.errors import suggest
from spikedistill.recipes.faults import Fault, from_pydantic, say, throw
from spikedistill.recipes.options import Choice, choose

NUMBERS = TypeAdapter(tuple[float, ...])
TEXT = TypeAdapter(str)
TEXTS = TypeAdapter(dict[str, str])
SHARE = TypeAdapter(int | float)
COUNT = TypeAdapter(int)
SWITCH = TypeAdapter(bool)
NUMBER = TypeAdapter(float)


class BlockReader:
    """A mapping of which known keys are taken, and a list of what was wrong with them."""

    def __init__(self, given: Any, what: str) -> None:
        self.faults: list[Fault] = []
        if not isinstance(given, Mapping):
            throw([Fault((), f"{what} should be a mapping of names to values, not {say(given)}")])
        self.rest = {str(name): value for name, value in given.items()}
        """What was not taken."""

    def take(self, name: str, adapter: TypeAdapter[Any], default: Any = None) -> Any:
        """The value of a key, of the right type; the default where it is not there or wrong."""
        value = self.rest.pop(name, None)
        if value is None:
            return default
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            self.add(name, from_pydantic(error)[:1])
            return default

    def take_choice(self, key: str, find: Callable[[str], Any], default: str | None) -> Any:
        """One of a catalogue, with its options; see `options.choose`."""
        given = self.rest.pop(key, default)
        if given is None:
            return None
        choice, faults = choose(given, find, key)
        self.add(key, faults)
        return choice

    def take_choices(self, key: str, find: Callable[[str], Any]) -> tuple[Choice, ...]:
        """A list of them."""
        given = self.rest.pop(key, None) or []
        if not isinstance(given, list | tuple):
            self.add(key, [Fault((), f"should be a list, not {say(given)}")])
            return ()
        found = []
        for number, one in enumerate(given):
            choice, faults = choose(one, find, "layer")
            self.faults += [Fault((key, number, *f.path), f.sentence) for f in faults]
            found += [] if choice is None else [choice]
        return tuple(found)

    def add(self, name: str, faults: list[Fault]) -> None:
        """Remember what is wrong with a key."""
        self.faults += [Fault((name, *fault.path), fault.sentence) for fault in faults]

    def one_of(self, words: tuple[str, ...], what: str) -> str:
        """The one of these keys that is there."""
        there = [word for word in words if word in self.rest]
        choices = ", ".join(f"{word}: ..." for word in words if word != "given")
        if len(there) != 1:
            problem = "says none" if not there else f"says {' and '.join(there)}"
            near = [suggest(key, words) for key in self.rest]
            hint = next((f"; {text}" for text in near if text.startswith("did")), "")
            throw([Fault((), f"{what} needs exactly one of {choices}; it {problem}{hint}")])
        return there[0]

    def end(self) -> None:
        """Tell all that was wrong, if anything was."""
        if self.faults:
            throw(self.faults)


def given_only(values: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping without what is None or empty."""
    return {name: value for name, value in values.items() if value not in (None, (), {})}
