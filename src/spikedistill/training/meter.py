"""Sums over the batches of an epoch, as plain numbers that a checkpoint can hold."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from spikedistill.core.trace import Batch


@dataclass(frozen=True)
class Fault:
    """A loss that is not finite."""

    epoch: int
    step: int
    """Steps taken in the epoch before it."""
    what: str
    """The beginning of a sentence: which term became what."""


class Meter:
    """Takes in what each step measured, and reads it from the device when that is due.

    Reading waits until the device has done all it was told, so on a GPU it happens twice a second
    and before anything is kept; on a CPU, where nothing waits, after each step. Either way the
    same numbers are added in the same order.

    Args:
        device: where the steps are computed.
        every: seconds between two readings; default 0 on a CPU, else 0.5.
    """

    def __init__(self, device: torch.device, every: float | None = None) -> None:
        self.every = (0.0 if device.type == "cpu" else 0.5) if every is None else every
        self._waiting: list[tuple[int, int, int, list[str], Tensor]] = []
        self._read = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time to read."""
        return time.monotonic() - self._read >= self.every

    def note(
        self,
        place: tuple[int, int],
        batch: Batch,
        total: Tensor,
        parts: Mapping[str, Tensor],
        outputs: Tensor,
    ) -> None:
        """Take in one batch: its loss parts, and its hits where the targets are classes.

        Args:
            place: the epoch, and the steps taken in it before.
            batch: B samples.
            total: the weighted sum of the parts.
            parts: mean of each loss over the batch.
            outputs: of the student, `[T, B, ..., K]`.
        """
        values = {**{f"loss.{name}": value for name, value in parts.items()}, "total": total}
        hits = _hits(batch, outputs)
        if hits is not None:
            values["hits"], values["answers"] = hits
        row = torch.stack([value.detach().double() for value in values.values()])
        self._waiting.append((*place, outputs.shape[1], list(values), row))

    def read(self, sums: dict[str, float]) -> Fault | None:
        """Add what was taken in to `sums`, up to the first loss that is not finite."""
        waiting, self._waiting, self._read = self._waiting, [], time.monotonic()
        rows = torch.cat([row for *_, row in waiting]).tolist() if waiting else []
        for epoch, step, size, names, _ in waiting:
            values, rows = dict(zip(names, rows, strict=False)), rows[len(names) :]
            what = _blame(values)
            if what is not None:
                return Fault(epoch, step, what)
            del values["total"]
            sums["samples"] = sums.get("samples", 0.0) + size
            weights = {"hits": values.get("answers", size), "answers": 1}
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value * weights.get(name, size)
        return None


def _hits(batch: Batch, outputs: Tensor) -> tuple[Tensor, Tensor] | None:
    """The share of right answers, and how many answers there are; None where there are none."""
    if not isinstance(batch.targets, Tensor):
        return None
    soft = batch.targets.is_floating_point()
    if outputs.ndim < 3 or (soft and batch.targets.shape != outputs.shape[1:]):
        return None
    answers = outputs.mean(0).argmax(-1)
    wanted = batch.targets.argmax(-1) if soft else batch.targets
    if answers.shape != wanted.shape:
        return None
    hits = (answers == wanted).float()
    if batch.mask is None or batch.mask.shape != hits.shape:
        return hits.mean(), hits.new_tensor(hits.numel())
    kept = batch.mask.to(hits.dtype)
    return (hits * kept).sum() / kept.sum().clamp_min(1), kept.sum()


def _blame(values: Mapping[str, float]) -> str | None:
    """Which term is not finite; None where all is well."""
    for name, value in values.items():
        if name.startswith("loss.") and not math.isfinite(value):
            return f"the term {name.removeprefix('loss.')!r} became {value}"
    if not math.isfinite(values["total"]):
        return f"the weighted sum of all terms became {values['total']}"
    return None


def losses(sums: Mapping[str, float]) -> dict[str, float]:
    """Mean of each loss part over the samples so far."""
    return {
        name.removeprefix("loss."): value / sums["samples"]
        for name, value in sums.items()
        if name.startswith("loss.")
    }


def accuracy(sums: Mapping[str, float]) -> float | None:
    """Hits in percent of the samples so far; None where targets are no classes."""
    if "hits" not in sums:
        return None
    return 100 * sums["hits"] / max(sums.get("answers", sums["samples"]), 1)
