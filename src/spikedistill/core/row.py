"""A row of the table of a run: one network, how good it is, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

Scores = dict[str, list[float | None]]
"""Metric -> its value after 1, 2, ..., T steps; None where the network has no answer there."""


@dataclass
class Row:
    """One network of a run. What is None was not measured or does not exist."""

    role: str
    network: str = ""
    timesteps: int = 1
    """T."""
    sub_steps: int = 1
    """Binary steps that one of these stands for, where neurons send more than one spike in it."""
    parameters: int = 0
    cell: str | None = None
    """The training that made it; None for a network that came trained."""
    file: str = "model"
    """The file in the folder of its training that keeps it, without its end: `model` for the
    student, another one for who learned beside it."""
    losses: list[str] = field(default_factory=list)
    """Names of the terms that it was trained by."""
    metric: str = ""
    """Name of the main metric; empty where nothing judges."""
    unit: str = "%"
    higher_is_better: bool = True
    scores: Scores = field(default_factory=dict)
    """On the test split."""
    valid: float | None = None
    """The main metric after all steps, on the validation split."""
    split: str = "test"
    macs: float | None = None
    """Multiply-adds of one sample and step."""
    firing_rate: float | None = None
    """Spikes per neuron and step; None for an ANN."""
    synops: float | None = None
    """Accumulations of an inference; None for an ANN."""
    multiplications: float | None = None
    """Multiply-adds of an inference."""
    energy_pj: float | None = None
    """Of both, in picojoules by the 45 nm convention."""
    epochs: int | None = None
    best: dict[str, Any] = field(default_factory=dict)
    """Epoch and score of the best epoch on the validation split."""
    train_seconds: float | None = None
    state: str | None = None
    """Hash of the weights, of a network that came trained."""
    notes: list[str] = field(default_factory=list)
    """Sentences that belong beside the figures."""

    @property
    def steps(self) -> str:
        """T in words: `2`, or `1 x 4` where each of T steps is run as 4 binary ones."""
        return f"{self.timesteps} x {self.sub_steps}" if self.sub_steps > 1 else str(self.timesteps)

    @property
    def curve(self) -> list[float | None]:
        """The main metric after 1, 2, ..., T steps; empty where nothing judges."""
        return self.scores.get(self.metric, [])

    @property
    def score(self) -> float | None:
        """The main metric after all steps."""
        return self.curve[-1] if self.curve else None

    def last(self, metric: str) -> float | None:
        """Any metric after all steps; None where it was not measured."""
        values = self.scores.get(metric) or [None]
        return values[-1]

    @property
    def spiking(self) -> bool:
        """Whether it has neurons."""
        return self.firing_rate is not None

    def __getitem__(self, key: str) -> Any:
        """One value by its key in `result.json`, as `row["macs"]`.

        Raises:
            KeyError: if a row has no such value; the message lists those that it has.
        """
        known = [one.name for one in fields(self)]
        if key not in known:
            raise KeyError(f"a row has no {key!r}; it has {', '.join(known)}")
        return getattr(self, key)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Row:
        """The row as JSON kept it, also by versions that knew nothing but accuracy.

        Raises:
            KeyError, TypeError, ValueError: if something is missing or of another kind.
        """
        given = {one.name: plain[one.name] for one in fields(cls) if one.name in plain}
        if "accuracy" in plain and "scores" not in plain:
            given |= {"metric": "accuracy", "scores": {"accuracy": plain["accuracy"]}}
        row = cls(**given)
        row.role, row.network = str(row.role), str(row.network)
        row.cell = None if row.cell is None else str(row.cell)
        row.losses = [str(loss) for loss in row.losses]
        row.timesteps = int(row.timesteps or 1)
        row.scores = {str(name): _numbers(values) for name, values in dict(row.scores).items()}
        for name in _NUMBERS:
            value = getattr(row, name)
            setattr(row, name, None if value is None else float(value))
        return row


_NUMBERS = ("valid", "macs", "firing_rate", "synops", "multiplications", "energy_pj",
            "train_seconds")  # fmt: skip


def _numbers(values: Sequence[Any]) -> list[float | None]:
    return [None if value is None else float(value) for value in values]


def curve_of(seen: Mapping[str, Any]) -> list[float | None]:
    """The main metric after 1, 2, ..., T steps, in what an epoch's line says of a split."""
    scores = seen.get("scores", {"accuracy": seen.get("accuracy") or []})
    return list(scores.get(seen.get("metric", "accuracy")) or [])


def main_score(seen: Mapping[str, Any] | None) -> float | None:
    """The main metric in what an epoch's line says of a split, after all steps.

    Args:
        seen: `{"metric": ..., "scores": {...}}`, or `{"accuracy": [...]}` of an earlier version.
    """
    if not seen:
        return None
    values = curve_of(seen)
    value = values[-1] if values else None
    return None if value is None or math.isnan(value) else float(value)
