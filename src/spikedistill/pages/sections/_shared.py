"""What several sections need: which rows were examined, steps of sliders, shades, class names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spikedistill.core.row import Row
from spikedistill.pages.chapter import Chapter, key_of
from spikedistill.pages.examined import Examined

LEVELS = 10
"""Shades of a table cell in the style sheet."""
FRAMES = 12
"""A slider has up to so many time steps, spread over all."""


def shown_steps(timesteps: int) -> list[int]:
    """The steps, counted from 0, that sliders show: all of a few, else the ends and some between.

    Example:
        >>> shown_steps(3), shown_steps(100)
        ([0, 1, 2], [0, 9, 18, 27, 36, 45, 54, 63, 72, 81, 90, 99])
    """
    some = min(timesteps, FRAMES)
    return [round(place * (timesteps - 1) / max(some - 1, 1)) for place in range(some)]


def shade(share: float) -> int:
    """A share in [0, 1] as a shade from 0 to 10."""
    return round(LEVELS * min(max(share, 0.0), 1.0))


def class_name(classes: Sequence[str], number: int) -> str:
    """The name of a class; its number where a network tells more classes apart than the data."""
    return classes[number] if number < len(classes) else str(number)


def examined_rows(chapter: Chapter, fact: str = "images") -> list[tuple[Row, Examined]]:
    """Rows whose networks were examined, the main one first.

    Args:
        chapter: the run.
        fact: what must be known of them; networks of other tasks than the run's may lack it.
    """
    rows = sorted(chapter.run.rows, key=lambda row: row is not chapter.run.main)
    pairs = [(row, chapter.examined.get(key_of(row))) for row in rows]
    return [(row, seen) for row, seen in pairs if seen is not None and fact in seen.facts]


def how_many(facts: Mapping[str, Any]) -> dict[str, Any]:
    """How many samples were examined, and of how many."""
    return {"images": facts["images"], "of": facts["test_images"]}
