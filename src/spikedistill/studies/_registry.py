"""Studies by name: the public files of this package."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.grid.points import Point
from spikedistill.recipes.schema import Recipe
from spikedistill.report.page import Page


class Study(Protocol):
    """The face of a study's file."""

    def points(self, recipe: Recipe, seeds: int) -> list[Point]:
        """All trainings that it stands for."""
        ...

    def page(self, cells: Sequence[tuple[Point, dict[str, Any]]], folder: Path) -> Page:
        """Tables and pictures (written into `folder`) of the cells that are finished."""
        ...


def names() -> tuple[str, ...]:
    """The studies: the public files of this package.

    Example:
        >>> names()
        ('ablation', 'alignment', 'negative-regularization', 'noisy-labels', 'timesteps')
    """
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return tuple(
        sorted(file.name.replace("_", "-") for file in found if not file.name.startswith("_"))
    )


def find(name: str) -> Study:
    """A study by its name.

    Raises:
        SpikedistillError: if there is none of this name.
    """
    if name not in names():
        raise SpikedistillError(f"there is no study {name!r}; {suggest(name, names())}")
    return cast(Study, importlib.import_module(f"{__package__}.{name.replace('-', '_')}"))
