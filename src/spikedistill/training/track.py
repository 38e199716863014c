"""What every epoch brings, sent to trackers (TensorBoard and others) through accelerate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate import tracking as engines

from spikedistill.core.errors import SpikedistillError, suggest

FOLDER = "tracked"
"""Of a run folder, where trackers that keep files keep them, a folder for each training."""

OnEpoch = Callable[[dict[str, Any]], object]
"""Gets the line of metrics of an epoch, a copy, when it is kept."""


def check_trackers(names: Sequence[str]) -> None:
    """Refuse trackers that are not known or not installed.

    Raises:
        SpikedistillError: with what there is, or how to get it.
    """
    known = list(engines.LOGGER_TYPE_TO_CLASS)
    there = set(map(str, engines.get_available_trackers()))
    for name in names:
        if name not in known:
            raise SpikedistillError(f"track: there is no tracker {name!r}; {suggest(name, known)}")
        if name not in there:
            how = "spikedistill[track]" if name == "tensorboard" else name.replace("_", "-")
            raise SpikedistillError(
                f"track: {name} is not installed here; get it by `pip install {how}`, or leave "
                f"training.track={name} out"
            )


@contextmanager
def tracked(
    names: Sequence[str], folder: Path, project: str, facts: Mapping[str, Any]
) -> Iterator[OnEpoch | None]:
    """What sends the epochs of one training to trackers; None where there are none.

    Args:
        names: as accelerate calls them.
        folder: for those that keep files.
        project: the name under which they show the training.
        facts: settings, kept beside it.

    Raises:
        SpikedistillError: if one is not known or not installed.
    """
    check_trackers(names)
    if not names:
        yield None
        return
    engine = Accelerator(
        cpu=not torch.cuda.is_available(), log_with=list(names), project_dir=folder
    )
    engine.init_trackers(project, config={key: _plain(value) for key, value in facts.items()})
    try:
        yield lambda row: engine.log(numbers(row), step=row["epoch"])
    finally:
        for tracker in engine.trackers:  # engine.end_training() would end the processes' group
            tracker.finish()


def numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an epoch's line under flat names.

    Example:
        >>> numbers({"epoch": 1, "losses": {"ce": 0.5}, "train_accuracy": None, "lr": 0.1,
        ...          "valid": {"scores": {"accuracy": [90.0, 91.0]}, "firing_rate": 0.2}})
        {'loss/ce': 0.5, 'lr': 0.1, 'valid/accuracy': 91.0, 'valid/firing_rate': 0.2}
    """
    found = {f"loss/{name}": value for name, value in row["losses"].items()}
    for name in ("train_accuracy", "lr", "samples_per_second"):
        found[name] = row.get(name)
    found |= _of_split("valid", row.get("valid"))
    for role, seen in (row.get("others") or {}).items():
        found |= _of_split(f"{role}/valid", seen)
    return {name: float(value) for name, value in found.items() if value is not None}


def _of_split(name: str, seen: Mapping[str, Any] | None) -> dict[str, float | None]:
    """Each metric after all steps, and how often neurons fire."""
    if not seen:
        return {}
    scores = {f"{name}/{metric}": steps[-1] for metric, steps in seen["scores"].items() if steps}
    return {**scores, f"{name}/firing_rate": seen.get("firing_rate")}


def _plain(value: Any) -> bool | int | float | str:
    """What every tracker takes as a setting."""
    return value if isinstance(value, bool | int | float | str) else str(value)
