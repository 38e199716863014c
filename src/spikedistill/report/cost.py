"""What an inference costs in energy, from its operations: an estimate, not a measurement.

A multiply-add of real numbers takes 4.6 pJ and an accumulation 0.9 pJ, the sums of the operations'
energies at 45 nm and 32 bits in Horowitz, "Computing's energy problem", ISSCC 2014, as most papers
on spiking networks use them. Memory, neurons and idle circuits are not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikedistill.core.reference import Reference

PER_MULTIPLICATION, PER_ACCUMULATION = 4.6, 0.9
"""Picojoules."""

REFERENCE = Reference(
    key="horowitz2014computing",
    title="Computing's energy problem (and what we can do about it)",
    authors=("Mark Horowitz",),
    venue="ISSCC",
    year=2014,
    link="https://doi.org/10.1109/ISSCC.2014.6757323",
)


def energy_pj(multiplications: float, accumulations: float) -> float:
    """Picojoules of one inference.

    Example:
        >>> energy_pj(10, 100)
        136.0
    """
    return multiplications * PER_MULTIPLICATION + accumulations * PER_ACCUMULATION


def energy_of_row(row: Mapping[str, Any]) -> float | None:
    """Picojoules of a network in `result.json`; None where its operations were not counted."""
    if row.get("multiplications") is None:
        return None
    return energy_pj(row["multiplications"], row.get("synops") or 0.0)
