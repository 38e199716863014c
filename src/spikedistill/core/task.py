"""A task: how samples become batches, what judges the answers, what a report shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from spikedistill.core.trace import Batch


@dataclass(frozen=True)
class Task:
    """One kind of task: functions and names, no loop and no class to inherit."""

    sample: str
    """What one sample is called, as "image"."""
    collate: Callable[[Sequence[Any]], Batch]
    """Samples of a data set as a batch; makes `mask` where it pads."""
    metrics: tuple[str, ...]
    """Names of metrics; the first one is the main one."""
    check_targets: Callable[[Batch, int | None], None]
    """Refuses a batch whose targets are not those of the task (`batch`, number of classes)."""
    check_outputs: Callable[[Sequence[int], Batch, int | None], None]
    """Refuses outputs `[T, B, ...]` (their shape) that do not fit the batch and the classes."""
    near_chance: Callable[[float, int | None], str | None] = lambda _score, _classes: None
    """A sentence for a score of the main metric that says nothing was learned, else None."""
    sections: tuple[str, ...] = ()
    """Sections of the report that belong to it, beside those of every task."""
    augments: bool = False
    """Whether a sample is an image that `augment:` may change."""
    classifies: bool = False
    """Whether its answers are scores of the classes, `[T, B, ..., K]`: so it is known which of
    several outputs is meant."""
