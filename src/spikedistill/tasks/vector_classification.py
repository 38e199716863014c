"""Vectors `[D]`, signals `[C, L]` or other tensors of one shape, and one class for each."""

from __future__ import annotations

from spikedistill.core.task import Task
from spikedistill.data import collate_tensors
from spikedistill.tasks._classes import check_answers, check_classes, near_chance

TASK = Task(
    sample="sample",
    collate=collate_tensors,
    metrics=("accuracy",),
    check_targets=check_classes,
    check_outputs=check_answers,
    near_chance=near_chance,
    sections=("confusion",),
    augments=False,
    classifies=True,
)
