"""What a section of a report is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from spikedistill.data import Collate, Samples, collate_images
from spikedistill.pages.chapter import Chapter


@dataclass(frozen=True)
class Answers:
    """What one network answered to the samples of a split that are examined."""

    outputs: Tensor
    """`[T, N, ..., K]`; where samples have positions, one row for each that counts."""
    targets: Tensor
    """`[N, ...]`, likewise."""
    samples: Samples
    per_sample: bool
    """Whether there is one row for each sample."""
    collate: Collate = collate_images
    """How samples become a batch."""


@dataclass(frozen=True)
class Gathered:
    """What a section keeps of one network, for `RUN/examined/`."""

    facts: dict[str, Any] = field(default_factory=dict)
    """What JSON can hold."""
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """A part of the page about a run.

    A file of `pages/sections/` defines one, and `templates/sections/` has the template of the same
    name. One of a user's own has none: `show` then returns tables, each `{"name", "head",
    "rows"}` of text, which the page draws.
    """

    title: str
    show: Callable[[Chapter, str], Any]
    """What its template gets as `data`, from a run and a key that no other part of the page has;
    empty where there is nothing to show."""
    gather: Callable[[Answers], Gathered] | None = None
    """What is kept of a network's answers; for sections that belong to a task."""
    facts: Mapping[str, type] = field(default_factory=dict)
    """Names of the facts that `gather` keeps, without which a look is taken again."""
