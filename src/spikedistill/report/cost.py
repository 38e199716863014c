"""What an inference costs in energy by the convention of papers: an estimate, not a measurement.

`metrics.energy` has the prices, and the stricter models that a report shows beside the convention.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikedistill.core.reference import Reference
from spikedistill.metrics.energy import CONVENTION, Preset

REFERENCE = Reference(
    key="horowitz2014computing",
    title="Computing's energy problem (and what we can do about it)",
    authors=("Mark Horowitz",),
    venue="ISSCC",
    year=2014,
    link="https://doi.org/10.1109/ISSCC.2014.6757323",
)


def energy_pj(multiplications: float, accumulations: float, preset: Preset = CONVENTION) -> float:
    """Picojoules of one inference.

    Example:
        >>> energy_pj(10, 100)
        136.0
    """
    return multiplications * preset.mac_pj + accumulations * preset.ac_pj


def energy_of_row(row: Mapping[str, Any], preset: Preset = CONVENTION) -> float | None:
    """Picojoules of a network in `result.json`; None where its operations were not counted."""
    if row.get("multiplications") is None:
        return None
    return energy_pj(row["multiplications"], row.get("synops") or 0.0, preset)


def unit(picojoules: float) -> tuple[float, str]:
    """Picojoules of the unit in which an energy has at most three digits before the point.

    Example:
        >>> unit(52_300.0), unit(3e9), unit(7.0)
        ((1000.0, 'nJ'), (1000000000.0, 'mJ'), (1.0, 'pJ'))
    """
    for size, name in ((1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ")):
        if picojoules >= size:
            return size, name
    return 1.0, "pJ"
