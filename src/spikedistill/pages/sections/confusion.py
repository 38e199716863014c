"""Which classes each network takes for which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from spikedistill.pages.chapter import Chapter, name_of
from spikedistill.pages.sections._section import Answers, Gathered, Section
from spikedistill.pages.sections._shared import (
    class_name,
    examined_rows,
    how_many,
    shade,
)

TABLED = 20
"""Up to so many classes the confusion matrix is a table; beyond, a list of its largest entries."""
LISTED = 25


def gather(answers: Answers) -> Gathered:
    """How often each class was taken for which: `[true, answered, count]`."""
    answer = answers.outputs.double().mean(0).argmax(-1)
    pairs, counts = torch.stack([answers.targets, answer], 1).unique(dim=0, return_counts=True)
    return Gathered({"confusion": torch.cat([pairs, counts.unsqueeze(1)], 1).tolist()})


def show(chapter: Chapter, key: str) -> list[dict[str, Any]]:
    """Which classes each network takes for which."""
    return [
        {"name": name_of(row), **_confusion(seen.facts), **how_many(seen.facts)}
        for row, seen in examined_rows(chapter, "confusion")
    ]


def _confusion(facts: Mapping[str, Any]) -> dict[str, Any]:
    classes, entries = facts["classes"], facts["confusion"]
    wrong = sorted((e for e in entries if e[0] != e[1]), key=lambda e: -e[2])
    listed = [
        (class_name(classes, true), class_name(classes, answer), count)
        for true, answer, count in wrong[:LISTED]
    ]
    if max([len(classes) - 1, *(answer for _, answer, _ in entries)]) >= TABLED:
        return {"classes": [], "rows": [], "listed": listed}
    size = max([len(classes) - 1, *(max(entry[:2]) for entry in entries)]) + 1
    classes = [class_name(classes, number) for number in range(size)]
    counts = np.zeros((size, size), np.int64)
    for true, answer, count in entries:
        counts[true, answer] = count
    totals = counts.sum(1).tolist()
    rows = [
        (
            name,
            total,
            [(count, shade(count / max(total, 1)), i == j) for j, count in enumerate(row)],
        )
        for i, (name, total, row) in enumerate(zip(classes, totals, counts.tolist(), strict=True))
    ]
    return {"classes": classes, "rows": rows, "listed": listed}


SECTION = Section("Confusion", show, gather, {"confusion": list})
