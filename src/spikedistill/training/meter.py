"""Sums over the batches of an epoch, as plain numbers that a checkpoint can hold."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from spikedistill.core.trace import Batch


def add(sums: dict[str, float], batch: Batch, parts: Mapping[str, Tensor], outputs: Tensor) -> None:
    """Add one batch: its loss parts, and its hits where the targets are classes.

    Args:
        sums: changed in place.
        batch: B samples.
        parts: mean of each loss over the batch.
        outputs: of the student, `[T, B, ..., K]`.
    """
    size = outputs.shape[1]
    sums["samples"] = sums.get("samples", 0.0) + size
    for name, value in parts.items():
        sums[f"loss.{name}"] = sums.get(f"loss.{name}", 0.0) + float(value) * size
    if not isinstance(batch.targets, Tensor):
        return
    soft = batch.targets.is_floating_point()
    answers = outputs.mean(0).argmax(-1)
    wanted = batch.targets.argmax(-1) if soft else batch.targets
    if answers.shape == wanted.shape:
        hits = (answers == wanted).float().mean()
        sums["hits"] = sums.get("hits", 0.0) + float(hits) * size


def losses(sums: Mapping[str, float]) -> dict[str, float]:
    """Mean of each loss part over the samples so far."""
    return {
        name.removeprefix("loss."): value / sums["samples"]
        for name, value in sums.items()
        if name.startswith("loss.")
    }


def accuracy(sums: Mapping[str, float]) -> float | None:
    """Hits in percent of the samples so far; None where targets are no classes."""
    return 100 * sums["hits"] / sums["samples"] if "hits" in sums else None


def blame(total: Tensor, parts: Mapping[str, Tensor]) -> str | None:
    """Which term is not finite, as the beginning of a sentence; None where all is well."""
    bad = [name for name, value in parts.items() if not torch.isfinite(value)]
    if bad:
        return f"the term {bad[0]!r} became {float(parts[bad[0]])}"
    if not torch.isfinite(total):
        return f"the weighted sum of all terms became {float(total)}"
    return None
