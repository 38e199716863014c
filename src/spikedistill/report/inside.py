"""What a report shows of the inside of networks: attention, maps, firing, energy, mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from spikedistill.costs.energy import activation_bits
from spikedistill.explain.spike_activation_map import SUMMED_TO, map_correlation
from spikedistill.report.chapter import Chapter, key_of, name_of
from spikedistill.report.energy_tables import TITLES
from spikedistill.report.examined import Examined
from spikedistill.report.pictures import PLAIN, heat, intensity, photo
from spikedistill.report.svg_chart import Chart, Series, chart
from spikedistill.report.table import compact, picojoules

TABLED = 20
"""Up to so many classes the confusion matrix is a table; beyond, a list of its largest entries."""
LISTED = 25
LEVELS = 10
"""Shades of a table cell in the style sheet."""
SUM = -1
"""Where maps have their sum over time, and frames their mean."""
FRAMES = 12
"""A slider has up to so many time steps, spread over all."""


def shown_steps(timesteps: int) -> list[int]:
    """The steps, counted from 0, that sliders show: all of a few, else the ends and some between.

    Example:
        >>> shown_steps(3), shown_steps(100)
        ([0, 1, 2], [0, 9, 18, 27, 36, 45, 54, 63, 72, 81, 90, 99])
    """
    some = min(timesteps, FRAMES)
    return [round(place * (timesteps - 1) / max(some - 1, 1)) for place in range(some)]


def shade(share: float) -> int:
    """A share in [0, 1] as a shade from 0 to 10."""
    return round(LEVELS * min(max(share, 0.0), 1.0))


def class_name(classes: Sequence[str], number: int) -> str:
    """The name of a class; its number where a network tells more classes apart than the data."""
    return classes[number] if number < len(classes) else str(number)


def looks(chapter: Chapter) -> list[tuple[dict[str, Any], Examined]]:
    """Rows that were examined, the main one first."""
    rows = sorted(chapter.run.rows, key=lambda row: row is not chapter.run.main)
    pairs = [(row, chapter.examined.get(key_of(row))) for row in rows]
    return [(row, seen) for row, seen in pairs if seen is not None]


def attention(chapter: Chapter) -> list[dict[str, Any]]:
    """Tables of attention, one for each step, of every loss that has some."""
    found = []
    for row, seen in looks(chapter):
        for picture in seen.facts["pictures"]:
            values = seen.arrays[picture["array"]]
            if values.ndim == 3:
                found.append(_attention(row, picture, values))
    return found


def _attention(
    row: Mapping[str, Any], picture: Mapping[str, Any], values: np.ndarray
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
        "note": f"mean over {picture['images']:,} images of the {picture['split']} split; shades "
        f"run from {low:.3f} to {high:.3f}",
        "guide": names[1],
        "frames": frames,
    }


def maps(chapter: Chapter) -> dict[str, Any] | None:
    """Where each network looks: its maps over the same images, step by step."""
    there = [(row, seen) for row, seen in looks(chapter) if seen.facts["maps"]]
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


def _map_row(row: Mapping[str, Any], seen: Examined, step: int) -> dict[str, Any]:
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


def _layer_of(row: Mapping[str, Any], seen: Examined, teacher: np.ndarray | None) -> str:
    """The layer of a network's maps, and how alike they are to the teacher's."""
    facts, values = seen.facts["maps"], seen.arrays["maps"]
    grid = "x".join(str(side) for side in values.shape[2:])
    text = f"{name_of(row)}: {facts['kind']} map of {facts['tap']} ({grid})"
    if teacher is None or facts["kind"] == "Grad-CAM" or teacher.shape != values[-1].shape:
        return text
    pair = (torch.from_numpy(one.astype(np.float32)) for one in (values[-1], teacher))
    return f"{text}, correlation with the teacher's {float(map_correlation(*pair).mean()):+.2f}"


def firing(chapter: Chapter, key: str) -> list[dict[str, Any]]:
    """Firing rates by layer and step, dead and saturated neurons, maps and potentials."""
    found = []
    for number, (row, seen) in enumerate(looks(chapter)):
        layers = seen.facts["layers"]
        if layers:
            found.append(
                {
                    "name": name_of(row),
                    "steps": seen.facts["timesteps"],
                    "images": seen.facts["images"],
                    "layers": [_layer(layer) for layer in layers],
                    "places": _places(seen),
                    "potentials": _potentials(seen, f"{key}-u{number}"),
                }
            )
    return found


def _layer(layer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "path": layer["path"].removeprefix("network."),
        "tap": layer["tap"],
        "shape": " x ".join(str(size) for size in layer["shape"]),
        "rates": [(f"{rate:.3f}", shade(rate)) for rate in layer["over_time"]],
        "never": f"{100 * layer['never']:.1f}",
        "always": f"{100 * layer['always']:.1f}",
        "channels": f"{100 * layer['channels_never']:.1f}",
    }


def _places(seen: Examined) -> list[dict[str, Any]]:
    """A frame for each step with the firing-rate map of every layer."""
    layers = [layer for layer in seen.facts["layers"] if f"places {layer['tap']}" in seen.arrays]
    arrays = [seen.arrays[f"places {layer['tap']}"] for layer in layers]
    most = [float(values.max()) for values in arrays]
    return [
        {
            "name": f"time step {step + 1}",
            "maps": [
                {"name": layer["path"].removeprefix("network."), "most": f"{top:.2f}",
                 "address": intensity(values[step], top)}
                for layer, values, top in zip(layers, arrays, most, strict=True)
            ],
        }
        for step in (shown_steps(seen.facts["timesteps"]) if layers else [])
    ]  # fmt: skip


def _potentials(seen: Examined, key: str) -> list[Chart]:
    """A small chart for each layer: shares of its membrane potentials, a line for each step."""
    found = []
    for number, layer in enumerate(seen.facts["layers"]):
        shares = seen.arrays.get(f"membrane {layer['tap']}")
        if shares is None:
            continue
        low, high = layer["range"]
        width = (high - low) / shares.shape[1]
        middle = [low + (i + 0.5) * width for i in range(shares.shape[1])]
        path = layer["path"].removeprefix("network.")
        lines = [
            Series(f"step {step}", tuple(zip(middle, (100 * row).tolist(), strict=True)))
            for step, row in enumerate(shares, 1)
        ]
        above = [
            float(row[np.array(middle) > (layer["threshold"] or high)].sum()) for row in shares
        ]
        text = "Share of the potentials above the threshold, by step: " + ", ".join(
            f"{100 * share:.1f} %" for share in above
        )
        found.append(
            chart(f"{key}-{number}", path, text, lines, "membrane potential", "share, %",
                  marked=layer["threshold"])
        )  # fmt: skip
    return [one for one in found if one is not None]


def energy(chapter: Chapter) -> list[dict[str, Any]]:
    """The cost of every layer of every network."""
    found = []
    for row, seen in looks(chapter):
        costs = seen.facts["operations"]
        most = max((cost["pj"] for cost in costs), default=0) or 1
        total = sum(cost["pj"] for cost in costs)
        found.append(
            {
                "name": name_of(row),
                "total": picojoules(total),
                "models": _models(seen.facts) if seen.facts["spiking"] else [],
                "layers": [
                    {
                        "path": cost["path"].removeprefix("network."),
                        "kind": "accumulations" if cost["spiking"] else "multiply-adds",
                        "count": compact(cost["count"]),
                        "rate": f"{cost['rate']:.3f}",
                        "pj": picojoules(cost["pj"]),
                        "share": f"{100 * cost['pj'] / (total or 1):.1f}",
                        "bar": round(100 * cost["pj"] / most, 1),
                    }
                    for cost in costs
                ],
            }
        )
    return found


def _models(facts: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Each model of energy: the spiking network, the same network as an ANN, the ratio."""
    bits = activation_bits(facts["timesteps"])
    return [
        (
            TITLES[model].format(bits=bits),
            picojoules(both["snn_pj"]),
            picojoules(both["ann_pj"]),
            f"{both['snn_pj'] / both['ann_pj']:.3f}" if both["ann_pj"] else "-",
        )
        for model, both in facts["totals"].items()
    ]


def confusion(chapter: Chapter) -> list[dict[str, Any]]:
    """Which classes each network takes for which."""
    return [
        {"name": name_of(row), **_confusion(seen.facts), **_count(seen.facts)}
        for row, seen in looks(chapter)
    ]


def _count(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"images": facts["images"], "of": facts["test_images"]}


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


def mistakes(chapter: Chapter) -> list[dict[str, Any]]:
    """Wrong answers that were given with the most confidence."""
    found = []
    for row, seen in looks(chapter):
        facts = seen.facts
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
        found.append({"name": name_of(row), "shown": shown, "small": small, **_count(facts)})
    return found


def _first_right(mistake: Mapping[str, Any]) -> str:
    """Whether fewer steps had given the right answer."""
    right = [str(t) for t, answer in enumerate(mistake["steps"], 1) if answer == mistake["true"]]
    return f"right after T' = {', '.join(right)}" if right else ""
