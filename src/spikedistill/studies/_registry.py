"""What a study is, and studies by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikedistill.core.catalogue import Catalogue
from spikedistill.grid.points import Point
from spikedistill.pages.page import Page
from spikedistill.recipes.schema import Recipe


@dataclass(frozen=True)
class Study:
    """What many trainings under one protocol are compared for."""

    points: Callable[[Recipe, int], list[Point]]
    """All trainings that it stands for, of a recipe and a number of seeds."""
    page: Callable[[Sequence[tuple[Point, dict[str, Any]]], Path], Page]
    """Tables and pictures (written into a folder) of the cells that are finished."""


STUDIES = Catalogue(
    __package__ or "",
    "study",
    lambda value: isinstance(value, Study),
    "an object of spikedistill.studies.Study",
    dashes=True,
)
"""All studies by name.

Example:
    >>> STUDIES.names()
    ('ablation', 'alignment', 'negative-regularization', 'noisy-labels', 'timesteps')
"""
