"""What an early exit saves in a finished run: accuracy against mean steps used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spikedistill.analysis.subject import Subject, classes_of
from spikedistill.build.saved import Saved, rebuild
from spikedistill.core.clock import is_causal
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.evaluation import evaluation
from spikedistill.core.tree import first
from spikedistill.costs.early_exit import EarlyExits, choose, early_exits
from spikedistill.data import DataSet, Samples

THRESHOLDS = (*(round(0.1 + 0.05 * number, 2) for number in range(18)), 0.99, 1.0)
TOLERANCE = 0.5
"""Points of accuracy on the validation split that the chosen threshold may cost."""


def early_exit(run: Path, data_dir: Path | None) -> dict[str, Any]:
    """The curve on the test split, and the threshold that the validation split chooses.

    Each with `threshold`, `accuracy` in percent, and mean `steps`.
    """
    saved = rebuild(run)
    data = saved.data(data_dir)
    if not is_causal(saved.network):
        raise SpikedistillError(
            f"the network of {run} looks ahead in time, so its answer after T' steps is no part of "
            "a longer run and nothing can leave early; take a recipe without such a layer"
        )
    valid, test = (_answers(saved, data, part) for part in (data.valid, data.test))
    chosen = choose(*valid, TOLERANCE)
    *curve, there = early_exits(*test, (*THRESHOLDS, chosen.threshold))
    return {"curve": [_plain(one) for one in curve], "chosen": _plain(there)}


def _plain(one: EarlyExits) -> dict[str, float]:
    return {"threshold": one.threshold, "accuracy": 100 * one.accuracy, "steps": one.steps}


def _answers(saved: Saved, data: DataSet, samples: Samples) -> tuple[Tensor, Tensor]:
    """Outputs `[T, N, K]` and labels `[N]` of a split."""
    encoding = saved.card["encoder"]
    subject = Subject(saved.network, saved.timesteps, encoding, samples, 128, data.how)
    outputs, labels = [], []
    with torch.no_grad(), evaluation(saved.network):
        for inputs, batch in subject.batches():
            outputs.append(first(subject.run(inputs)).float().cpu())
            labels.append(classes_of(batch).cpu())
    return torch.cat(outputs, 1), torch.cat(labels)
