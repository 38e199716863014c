"""Rounds of a loop that do the same to tensors of one look: whoever only counts follows one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager

Repeat = Callable[[int], AbstractContextManager[None]]
"""A block that stands for so many of its kind."""

_repeat: Repeat | None = None  # not a context variable, which torch's compiler cannot follow


def alike(rounds: int) -> Iterator[int]:
    """`range(rounds)`; where operations are counted, its first number, for all of them.

    Example:
        >>> list(alike(3))
        [0, 1, 2]
    """
    if _repeat is None or not rounds:
        yield from range(rounds)
        return
    with _repeat(rounds):
        yield 0


@contextmanager
def counted_once(repeat: Repeat) -> Generator[None]:
    """Inside, `alike` has one round, during which `repeat` is entered."""
    global _repeat
    before, _repeat = _repeat, repeat
    try:
        yield
    finally:
        _repeat = before
