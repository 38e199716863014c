"""Firing rates by layer and step, dead and saturated neurons, maps and potentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikedistill.pages.chapter import Chapter, name_of
from spikedistill.pages.examined import Examined
from spikedistill.pages.pictures import intensity
from spikedistill.pages.sections._section import Section
from spikedistill.pages.sections._shared import examined_rows, shade, shown_steps
from spikedistill.pages.svg_chart import Chart, Series, chart


def show(chapter: Chapter, key: str) -> list[dict[str, Any]]:
    """Firing rates by layer and step, dead and saturated neurons, maps and potentials."""
    found = []
    for number, (row, seen) in enumerate(examined_rows(chapter)):
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


SECTION = Section("Firing", show)
