"""Where each network looks: its maps over the same images, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from spikedistill.core.row import Row
from spikedistill.explain.spike_activation_map import SUMMED_TO, map_correlation
from spikedistill.pages.chapter import Chapter, name_of
from spikedistill.pages.examined import Examined
from spikedistill.pages.pictures import PLAIN, heat, photo
from spikedistill.pages.sections._section import Section
from spikedistill.pages.sections._shared import class_name, examined_rows, shown_steps

SUM = -1
"""Where maps have their sum over time, and frames their mean."""


def show(chapter: Chapter, key: str) -> dict[str, Any] | None:
    """Where each network looks: its maps over the same images, step by step."""
    there = [(row, seen) for row, seen in examined_rows(chapter) if seen.facts["maps"]]
    if not there:
        return None
    first = there[0][1]
    there = [(row, seen) for row, seen in there
             if seen.facts["maps"]["labels"] == first.facts["maps"]["labels"]]  # fmt: skip
    labels = [class_name(first.facts["classes"], n) for n in first.facts["maps"]["labels"]]
    steps = max(seen.facts["timesteps"] for _, seen in there)
    names: dict[int, str] = {step: f"time step {step + 1}" for step in shown_steps(steps)}
    if 1 < steps <= SUMMED_TO:
        names[SUM] = "sum over time"
    images = first.arrays["examples"]
    moving = images.ndim == 5
    frames = images if moving else images[:, None]
    at = {step: _frame(frames.shape[1], step) for step in (SUM, *names)}
    used = sorted(set(at.values()))
    numbers = range(1, len(frames) + 1)
    places = {step: [used.index(at[step]) * len(frames) + n for n in numbers] for step in at}
    teacher = _teacher_maps(chapter, there)
    return {
        "names": labels,
        "addresses": [photo(pixels) for frame in used for pixels in frames[:, frame]],
        "small": images.shape[-1] <= PLAIN,
        "moving": moving,
        "frames": [
            {
                "name": name,
                "pictures": places[SUM if steps == 1 else step],
                "rows": [
                    _map_row(row, seen, step)
                    | {"pictures": places[SUM if seen.facts["timesteps"] == 1 else step]}
                    for row, seen in there
                ],
            }
            for step, name in names.items()
        ],
        "layers": [_layer_of(row, seen, teacher) for row, seen in there],
    }


def _frame(count: int, step: int) -> int:
    """Which of the frames networks saw at a step; the last is their mean, a still image has one."""
    return count - 1 if step == SUM else min(step, max(count - 2, 0))


def _map_row(row: Row, seen: Examined, step: int) -> dict[str, Any]:
    """The maps of one network at a step; after its own last step the last."""
    values, facts = seen.arrays["maps"], seen.facts
    step = step if step == SUM else min(step, facts["timesteps"] - 1)
    answers, labels = facts["maps"]["answers"], facts["maps"]["labels"]
    shown = [
        {"address": heat(value), "answer": class_name(facts["classes"], answer),
         "right": answer == wanted}
        for value, answer, wanted in zip(values[step], answers, labels, strict=True)
    ]  # fmt: skip
    return {"name": name_of(row), "kind": facts["maps"]["kind"], "maps": shown}


def _teacher_maps(chapter: Chapter, there: Sequence[tuple[Any, Examined]]) -> np.ndarray | None:
    teacher = chapter.run.teacher
    found = [seen.arrays["maps"][-1] for row, seen in there if row is teacher]
    return found[0] if found else None


def _layer_of(row: Row, seen: Examined, teacher: np.ndarray | None) -> str:
    """The layer of a network's maps, and how alike they are to the teacher's."""
    facts, values = seen.facts["maps"], seen.arrays["maps"]
    grid = "x".join(str(side) for side in values.shape[2:])
    text = f"{name_of(row)}: {facts['kind']} map of {facts['tap']} ({grid})"
    if teacher is None or facts["kind"] == "Grad-CAM" or teacher.shape != values[-1].shape:
        return text
    pair = (torch.from_numpy(one.astype(np.float32)) for one in (values[-1], teacher))
    return f"{text}, correlation with the teacher's {float(map_correlation(*pair).mean()):+.2f}"


SECTION = Section("Where the networks look", show)
