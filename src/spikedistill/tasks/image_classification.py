"""Images, or frames of event cameras, and one class for each."""

from __future__ import annotations

from spikedistill.core.task import Task
from spikedistill.data import collate_images
from spikedistill.tasks._classes import check_answers, check_classes, near_chance

TASK = Task(
    sample="image",
    collate=collate_images,
    metrics=("accuracy",),
    check_targets=check_classes,
    check_outputs=check_answers,
    near_chance=near_chance,
    sections=("confusion", "mistakes"),
    augments=True,
    classifies=True,
)
