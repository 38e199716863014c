"""One run on the page: what its folder holds, and what was seen of its networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spikedistill.core.row import Row
from spikedistill.pages.examined import Examined
from spikedistill.pages.read_run import Run
from spikedistill.pages.table import label

Key = tuple[str, str]
"""`("cells", name)`, or `("networks", name)` for a network that came trained."""


@dataclass(frozen=True)
class Chapter:
    """A run and what is known of its networks."""

    run: Run
    examined: Mapping[Key, Examined]
    missing: tuple[str, ...] = ()
    bibtex: str = ""
    sections: tuple[str, ...] = ()
    """Names of the sections that belong to its task."""


def key_of(row: Row) -> Key:
    """Under which key a row's network was examined."""
    if row.cell is None:
        return ("networks", row.network)
    return ("cells", row.cell if row.file == "model" else f"{row.cell}-{row.file}")


def name_of(row: Row) -> str:
    """A name that no other row of the run has: its training's, and its losses.

    Example:
        >>> made = {"network": "net", "timesteps": 1, "parameters": 0}
        >>> name_of(Row("student", **made, cell="light", losses=["kd", "sastc"]))
        'light: kd + sastc'
        >>> name_of(Row("student", **made, cell="kd", losses=["kd"]))
        'kd'
    """
    if row.cell is None:
        return label(row)
    losses = " + ".join(row.losses)
    name = row.cell if losses == row.cell else f"{row.cell}: {losses or 'not trained'}"
    return name if row.file == "model" else f"{name} ({row.role})"
