"""Remedies in the language of whoever made the mistake: of a recipe, or of Python."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_PYTHON = ContextVar("spikedistill_speaks_python", default=False)


def remedy(recipe: str, python: str) -> str:
    """What to change, as it is written in a recipe or, inside of `speaking_python`, in Python.

    Example:
        >>> remedy("networks.teacher.taps", "teacher_taps=")
        'networks.teacher.taps'
        >>> with speaking_python():
        ...     remedy("networks.teacher.taps", "teacher_taps=")
        'teacher_taps='
    """
    return python if _PYTHON.get() else recipe


@contextmanager
def speaking_python() -> Generator[None, None, None]:
    """A block whose messages speak Python: it was called from there."""
    token = _PYTHON.set(True)
    try:
        yield
    finally:
        _PYTHON.reset(token)
