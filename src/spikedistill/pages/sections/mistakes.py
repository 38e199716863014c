"""Wrong answers that were given with the most confidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikedistill.pages.chapter import Chapter, name_of
from spikedistill.pages.pictures import PLAIN, images_at, photo, pixels_of
from spikedistill.pages.sections._section import Answers, Gathered, Section
from spikedistill.pages.sections._shared import (
    class_name,
    examined_rows,
    how_many,
)

MISTAKES = 12
"""How many are shown."""


def gather(answers: Answers) -> Gathered:
    """The wrong answers that were given with the most confidence, and their pictures."""
    if not answers.per_sample:
        return Gathered({"mistakes": []})
    steps = torch.arange(1, len(answers.outputs) + 1).view(-1, 1, 1)
    so_far = answers.outputs.double().cumsum(0) / steps
    chosen, labels = so_far.argmax(-1), answers.targets
    confidence, answer = so_far[-1].softmax(-1).max(-1)
    wrong = (answer != labels).nonzero().flatten()
    worst = wrong[confidence[wrong].argsort(descending=True, stable=True)][:MISTAKES]
    facts = [
        {
            "true": int(labels[i]),
            "answered": int(answer[i]),
            "confidence": float(confidence[i]),
            "steps": chosen[:, i].tolist(),
        }
        for i in worst.tolist()
    ]
    return Gathered({"mistakes": facts}, {"mistakes": _pictures(answers, worst)})


def _pictures(answers: Answers, index: Tensor) -> np.ndarray:
    """Bytes `[N, C, H, W]`; of event frames their mean."""
    if not len(index):
        return np.zeros((0, 1, 1, 1), np.uint8)
    pixels = pixels_of(images_at(answers.samples, index, answers.collate))
    return pixels[:, -1] if pixels.ndim == 5 else pixels


def show(chapter: Chapter, key: str) -> list[dict[str, Any]]:
    """Wrong answers that were given with the most confidence."""
    found = []
    for row, seen in examined_rows(chapter, "mistakes"):
        facts = seen.facts
        if "mistakes" not in seen.arrays:  # answers at positions, of which there are no pictures
            continue
        shown = [
            {
                "address": photo(pixels),
                "true": class_name(facts["classes"], one["true"]),
                "answered": class_name(facts["classes"], one["answered"]),
                "confidence": f"{100 * one['confidence']:.1f}",
                "steps": _first_right(one),
            }
            for one, pixels in zip(facts["mistakes"], seen.arrays["mistakes"], strict=True)
        ]
        small = seen.arrays["mistakes"].shape[-1] <= PLAIN
        found.append({"name": name_of(row), "shown": shown, "small": small, **how_many(facts)})
    return found


def _first_right(mistake: Mapping[str, Any]) -> str:
    """Whether fewer steps had given the right answer."""
    right = [str(t) for t, answer in enumerate(mistake["steps"], 1) if answer == mistake["true"]]
    return f"right after T' = {', '.join(right)}" if right else ""


SECTION = Section("Mistakes", show, gather, {"mistakes": list})
