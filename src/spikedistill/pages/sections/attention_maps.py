"""Tables of attention, one for each step, of every loss that has some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikedistill.core.row import Row
from spikedistill.pages.chapter import Chapter, name_of
from spikedistill.pages.sections._section import Section
from spikedistill.pages.sections._shared import examined_rows, shade, shown_steps


def show(chapter: Chapter, key: str) -> list[dict[str, Any]]:
    """Tables of attention, one for each step, of every loss that has some."""
    found = []
    for row, seen in examined_rows(chapter):
        for picture in seen.facts["pictures"]:
            values = seen.arrays[picture["array"]]
            if values.ndim == 3:
                found.append(_attention(row, picture, values, chapter.run.sample))
    return found


def _attention(
    row: Row, picture: Mapping[str, Any], values: np.ndarray, sample: str
) -> dict[str, Any]:
    _, learner, guide = values.shape
    names = [
        given if len(given) == size else [str(i + 1) for i in range(size)]
        for given, size in ((picture["learner"], learner), (picture["guide"], guide))
    ]
    low, high = float(values.min()), float(values.max())
    frames = []
    for step in shown_steps(len(values)):
        cells = [[(f"{v:.3f}", shade((v - low) / (high - low) if high > low else 0.5)) for v in r]
                 for r in values[step].tolist()]  # fmt: skip
        named = list(zip(names[0], cells, strict=True))
        frames.append({"name": f"time step {step + 1}", "rows": named})
    return {
        "title": f"{name_of(row)}, {picture['name']} of the loss {picture['loss']}",
        "note": f"mean over {picture['images']:,} {sample}s of the {picture['split']} split; "
        f"shades run from {low:.3f} to {high:.3f}",
        "guide": names[1],
        "frames": frames,
    }


SECTION = Section("Attention", show)
