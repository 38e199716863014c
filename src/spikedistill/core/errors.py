"""Errors as sentences: what was wrong, with both facts, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal


class SpikedistillError(ValueError):
    """An error that the user can act on; the command line prints its sentence and no traceback."""


class MissingDataError(SpikedistillError):
    """Files of a data set are not where they were looked for."""


class CameFromPython(SpikedistillError):
    """Something of a run that its folder cannot make again, because it came from Python.

    Args:
        facts: what it is.
        option: by what it is handed over, in Python and on the command line.
    """

    def __init__(self, facts: str, option: Literal["network", "data"]) -> None:
        super().__init__(f"{facts}; hand it over: {option}=...")
        self.facts, self.option = facts, option

    @property
    def on_command_line(self) -> str:
        """The same sentence for a command that has the option."""
        how = f"--{self.option} module:factory, from Python {self.option}=..."
        return f"{self.facts}; hand it over: {how}"


def suggest(wrong: object, known: Iterable[object]) -> str:
    """`did you mean 'x'?` where something close is known, else the list of what is known.

    Example:
        >>> suggest("sastk", ["sastc", "logit_kd"])
        "did you mean 'sastc'?"
        >>> suggest("x", ["a", "b"])
        'known are: a, b'
    """
    names = [str(name) for name in known]
    close = difflib.get_close_matches(str(wrong), names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are: {', '.join(sorted(names)) or 'none'}"
