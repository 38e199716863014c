"""The table of a run: one row for each network, read from its `result.json`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from spikedistill.core.row import Row


def label(row: Row) -> str:
    """How a network was trained, in few words: its losses, or that it came trained.

    The name of its training stands there where it says more than its role and losses do.

    Example:
        >>> made = {"network": "net", "timesteps": 1, "parameters": 0}
        >>> label(Row("student", **made, losses=["cross_entropy", "sastc"]))
        'student: cross_entropy + sastc'
        >>> label(Row("teacher", **made))
        'teacher: as it came'
        >>> label(Row("student", **made, losses=["sastc"], cell="grouped"))
        'student (grouped): sastc'
    """
    named = "" if row.cell in (None, row.role, *row.losses) else f" ({row.cell})"
    as_it_is = "as it came" if row.cell is None else "not trained"
    return f"{row.role}{named}: {' + '.join(row.losses) or as_it_is}"


def compact(value: float | None) -> str:
    """A count with three digits and a unit.

    Example:
        >>> compact(853018), compact(2.2e9), compact(999_700), compact(12.0), compact(None)
        ('853 k', '2.2 G', '1 M', '12', '-')
    """
    if value is None:
        return "-"
    rounded = float(f"{value:.3g}")
    for size, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if rounded >= size:
            return f"{rounded / size:.3g}{unit}"
    return f"{rounded:.3g}"


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


def picojoules(value: float | None) -> str:
    """An energy with its unit.

    Example:
        >>> picojoules(92_400), picojoules(3.4e8), picojoules(999_700), picojoules(None)
        ('92.4 nJ', '340 µJ', '1 µJ', '-')
    """
    if value is None:
        return "-"
    rounded = float(f"{value:.3g}")
    size, name = unit(rounded)
    return f"{rounded / size:.3g} {name}"


def percent(value: float | None) -> str:
    """A percentage with two places."""
    return "-" if value is None else f"{value:.2f}"


def duration(seconds: float | None) -> str:
    """Seconds as a person says them.

    Example:
        >>> duration(8.3), duration(75), duration(7260)
        ('8 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds is None or not math.isfinite(seconds):
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def score_at(row: Row, step: int) -> str:
    """The main metric at T' = `step`; an ANN has one step, which counts for all."""
    if step > len(row.curve):
        return "-" if len(row.curve) != 1 else ""
    return percent(row.curve[step - 1])


def judged_by(rows: Sequence[Row]) -> str:
    """The unit that heads the columns of scores; the metric too where it is not accuracy."""
    named = next((row for row in rows if row.metric), None)
    if named is None or named.metric == "accuracy":
        return "%"
    return f"{named.metric}, {named.unit}" if named.unit else named.metric


def result_table(result: Mapping[str, Any]) -> Table:
    """The rich table of a run."""
    rows = [Row.from_plain(row) for row in result["rows"]]
    steps, unit = max((len(row.curve) for row in rows), default=1), judged_by(rows)
    title = f"{result['name']} (test split of {result['data']}, seed {result['seed']})"
    table = Table(title=escape(title))
    table.add_column("network: trained by", overflow="fold")
    for name in ("T", *(f"T'={step} {unit}" for step in range(1, steps + 1)), f"valid {unit}",
                 "parameters", "firing rate", "SynOps", "multiply-adds", "training"):  # fmt: skip
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            escape(label(row)),
            row.steps,
            *(score_at(row, step) for step in range(1, steps + 1)),
            percent(row.valid),
            compact(row.parameters),
            "-" if row.firing_rate is None else f"{row.firing_rate:.3f}",
            compact(row.synops),
            compact(row.multiplications),
            duration(row.train_seconds),
            style="bold" if (row.cell, row.file) == (result["main"], "model") else None,
        )
    notes = list(dict.fromkeys(note for row in rows for note in row.notes))
    claim = result.get("claim")
    if claim:
        source = f" ({claim['source']})" if claim.get("source") else ""
        notes.insert(0, f"published: {claim['value']:.2f} %{escape(source)}")
    table.caption = " ".join(notes) or None
    return table
