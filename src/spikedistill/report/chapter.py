"""One run on the page: what its folder holds, and what was seen of its networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spikedistill.report.examined import Examined
from spikedistill.report.read_run import Run
from spikedistill.report.table import label

Key = tuple[str, str]
"""`("cells", name)`, or `("networks", name)` for a network that came trained."""


@dataclass(frozen=True)
class Chapter:
    """A run and what is known of its networks."""

    run: Run
    examined: Mapping[Key, Examined]
    missing: tuple[str, ...] = ()
    bibtex: str = ""


def key_of(row: Mapping[str, Any]) -> Key:
    """Under which key a row's network was examined."""
    return ("networks", row["network"]) if row["cell"] is None else ("cells", row["cell"])


def name_of(row: Mapping[str, Any]) -> str:
    """A name that no other row of the run has: its training's, and its losses.

    Example:
        >>> name_of({"cell": "light", "role": "student", "losses": ["kd", "sastc"]})
        'light: kd + sastc'
        >>> name_of({"cell": "kd", "role": "student", "losses": ["kd"]})
        'kd'
    """
    if row["cell"] is None:
        return label(row)
    losses = " + ".join(row["losses"])
    return row["cell"] if losses == row["cell"] else f"{row['cell']}: {losses}"
