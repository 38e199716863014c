"""The cost of every layer of every network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikedistill.costs.energy import activation_bits
from spikedistill.pages.chapter import Chapter, name_of
from spikedistill.pages.energy_tables import TITLES
from spikedistill.pages.sections._section import Section
from spikedistill.pages.sections._shared import examined_rows
from spikedistill.pages.table import compact, picojoules


def show(chapter: Chapter, key: str) -> list[dict[str, Any]]:
    """The cost of every layer of every network."""
    found = []
    for row, seen in examined_rows(chapter):
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


SECTION = Section("Energy by layer", show)
