"""Sequences of any length, of tokens `[L]` or features `[L, D]`; a class for each or each place."""

from __future__ import annotations

from spikedistill.core.task import Task
from spikedistill.data import collate_sequences
from spikedistill.tasks._classes import check_answers, check_classes, near_chance

TASK = Task(
    sample="sequence",
    collate=collate_sequences,
    metrics=("accuracy",),
    check_targets=check_classes,
    check_outputs=check_answers,
    near_chance=near_chance,
    sections=("confusion",),
    augments=False,
    classifies=True,
)
