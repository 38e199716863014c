"""Studies are tried with eager neurons, and their pages on finished cells that are made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from spikedistill.functional.compiled import compiling
from spikedistill.grid.points import Point

Cells = list[tuple[Point, dict[str, Any]]]


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    with compiling(False):
        yield


@pytest.fixture
def finished() -> Callable[..., Cells]:
    """Makes a cell for each point, with an accuracy that follows from it."""
    return _finished


def _finished(
    points: Sequence[Point],
    accuracy: Callable[[Point], float],
    looks: Callable[[Point], dict[str, Any]] = lambda point: {},
) -> Cells:
    return [(point, _cell(point, accuracy(point), looks(point))) for point in points]


def _cell(point: Point, accuracy: float, looks: dict[str, Any]) -> dict[str, Any]:
    steps = point.recipe.phases[-1].roles["student"].timesteps
    row = {
        "role": "student", "metric": "accuracy",
        "scores": {"accuracy": [accuracy - (steps - 1 - step) for step in range(steps)]},
        "timesteps": steps, "parameters": 1000, "firing_rate": 0.2, "synops": 1e6 * steps,
        "multiplications": 1e6, "macs": 5e6, "train_seconds": 60.0,
    }  # fmt: skip
    return {"key": point.key, "row": row, "history": [], "looks": looks, "others": []}
