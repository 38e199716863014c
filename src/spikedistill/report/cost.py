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
