"""What a report says of a run at first sight: tiles, the table, curves, accuracy against energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spikedistill.core.row import Row
from spikedistill.costs.energy import energy_of_row
from spikedistill.pages.chapter import Chapter, Key, key_of, name_of
from spikedistill.pages.examined import Examined
from spikedistill.pages.read_run import Run
from spikedistill.pages.svg_chart import Chart, Series, chart
from spikedistill.pages.table import compact, duration, judged_by, percent, picojoules, unit


@dataclass(frozen=True)
class Tile:
    """One figure of the headline."""

    name: str
    value: str
    note: str = ""


def _order(runs: Sequence[Chapter]) -> dict[tuple[int, Key], int]:
    """Run and key of every network -> its place, so that each chart gives it the same colour."""
    found: dict[tuple[int, Key], int] = {}
    for number, chapter in enumerate(runs):
        given = [key_of(row) for row in chapter.run.rows if row.cell is None]
        planned = [("cells", name) for name in chapter.run.planned]
        for key in (*given, *planned, *map(key_of, chapter.run.rows)):
            found.setdefault((number, key), len(found))
    return found


def tiles(run: Run) -> list[Tile]:
    """The headline: student, teacher, what distillation gave, energy, the published figure."""
    main, teacher = run.main, run.teacher
    if main is None or main.score is None:
        return []
    found = [_student(main)]
    if teacher is not None and teacher.score is not None:
        gap = main.score - teacher.score
        side, points = "above" if gap > 0 else "below", "points " if main.unit == "%" else ""
        note = f"the student lies {abs(gap):.2f} {points}{side}" if gap else (
            "the student is as good"
        )  # fmt: skip
        found.append(Tile("Teacher", scored(teacher, teacher.score), note))
    found += [*_gain(run, main), *_energy(main, teacher, run.sample), *_claim(run, main)]
    return found


def scored(row: Row, value: float | None) -> str:
    """A score with its unit."""
    return f"{percent(value)} {row.unit}".strip()


def _student(main: Row) -> Tile:
    steps = len(main.curve)
    name = "Student" if main.role == "student" else f"Student ({main.role})"
    if main.metric != "accuracy":
        name += f", {main.metric}"
    several = steps > 1 or main.sub_steps > 1
    note = f"after T = {main.steps} time step{'s' * several}"
    if steps > 1 and main.curve[0] is not None:
        note += f"; {scored(main, main.curve[0])} after the first"
    return Tile(name, scored(main, main.score), note)


def _gain(run: Run, main: Row) -> list[Tile]:
    same = [row for row in run.rows if row.network == main.network and row.score is not None]
    alone = [row for row in same if row.losses == ["cross_entropy"]]
    if not alone or alone[-1] is main:
        return []
    assert main.score is not None and alone[-1].score is not None
    gain = main.score - alone[-1].score
    points = "points " if main.unit == "%" else ""
    note = f"{points}over the same student without a teacher ({scored(main, alone[-1].score)})"
    return [Tile("Gain by distillation", f"{gain:+.2f}", note)]


def _energy(main: Row, teacher: Row | None, sample: str) -> list[Tile]:
    mine = energy_of_row(main)
    theirs = energy_of_row(teacher) if teacher else None
    if not mine:
        return []
    if not theirs:
        return [Tile("Energy", picojoules(mine), f"an estimate, per {sample}")]
    note = f"{picojoules(mine)} against {picojoules(theirs)} per {sample}, an estimate"
    if mine <= theirs:
        return [Tile("Energy", f"{theirs / mine:.1f} times less", note)]
    return [Tile("Energy", f"{mine / theirs:.1f} times more", note)]


def _claim(run: Run, main: Row) -> list[Tile]:
    claim = run.config.get("claim")
    if not isinstance(claim, Mapping) or not isinstance(claim.get("value"), int | float):
        return []
    value = main.score if claim.get("metric", "") in ("", "top1") else main.last(claim["metric"])
    if value is None:
        return []
    gap = value - claim["value"]
    note = f"published{': ' + str(claim['source']) if claim.get('source') else ''}; " \
           f"measured here {scored(main, value)} ({gap:+.2f})"  # fmt: skip
    return [Tile("Claimed", scored(main, claim["value"]), note)]


def table(runs: Sequence[Chapter]) -> dict[str, Any]:
    """The table of all networks: a head and rows of text."""
    rows = [(chapter.run, row) for chapter in runs for row in chapter.run.rows]
    steps = max((len(row.curve) for _, row in rows), default=1)
    by = judged_by([row for _, row in rows])
    head = ["network: trained by", "T", *(f"T'={step}, {by}" for step in range(1, steps + 1)),
            f"valid, {by}", "parameters", "firing rate", "accumulations", "multiply-adds", "energy",
            "training"]  # fmt: skip
    body = []
    for run, row in rows:
        values = [percent(value) for value in row.curve]
        values += [""] * (steps - len(values)) if values else ["-"] * steps
        rate = row.firing_rate
        body.append(
            {
                "run": run.name if len(runs) > 1 else "",
                "main": row is run.main,
                "cells": [
                    name_of(row), row.steps, *values, percent(row.valid),
                    compact(row.parameters), "-" if rate is None else f"{rate:.3f}",
                    compact(row.synops), compact(row.multiplications),
                    picojoules(energy_of_row(row)), duration(row.train_seconds),
                ],
            }
        )  # fmt: skip
    return {"head": head, "rows": body}


def pareto(runs: Sequence[Chapter], key: str) -> Chart | None:
    """Accuracy against energy: a line through T' = 1, ..., T for each spiking network."""
    order = _order(runs)
    series = []
    for number, chapter in enumerate(runs):
        prefix = f"{chapter.run.name}: " if len(runs) > 1 else ""
        for row in chapter.run.rows:
            points = _points(row, chapter.examined.get(key_of(row)))
            labels = [
                f"{prefix}{name_of(row)}, T' = {step}: {scored(row, accuracy)}, {picojoules(pj)}"
                for step, pj, accuracy in points
            ]
            if points:
                places = tuple((pj, accuracy) for _, pj, accuracy in points)
                style = order[number, key_of(row)]
                series.append(Series(prefix + name_of(row), places, tuple(labels), style=style))
    text = "Each line is one network, each mark a number of time steps; the figures stand below."
    size, name = unit(min((place[0] for line in series for place in line.points), default=0.0))
    scaled = [
        replace(line, points=tuple((pj / size, accuracy) for pj, accuracy in line.points))
        for line in series
    ]
    return chart(key, f"{metric_of(runs).capitalize()}, time steps and energy", text, scaled,
                 f"estimated energy per {runs[0].run.sample if runs else 'sample'}, {name}",
                 f"test {_axis(runs)}", log_x=True)  # fmt: skip


def metric_of(runs: Sequence[Chapter]) -> str:
    """The main metric of the runs."""
    named = [row.metric for chapter in runs for row in chapter.run.rows if row.metric]
    return named[0] if named else "accuracy"


def _axis(runs: Sequence[Chapter]) -> str:
    """The main metric and its unit."""
    units = [row.unit for chapter in runs for row in chapter.run.rows if row.metric]
    return ", ".join(filter(None, (metric_of(runs), units[0] if units else "%")))


def _points(row: Row, seen: Examined | None) -> list[tuple[int, float, float]]:
    """Steps, picojoules and accuracy; of those steps whose cost was measured."""
    last = energy_of_row(row)
    if last is None or row.score is None:
        return []
    steps = len(row.curve)
    measured = dict(seen.facts["energy_at"]) if seen else {}
    energies = {**measured, steps: last}
    return [(step, energies[step], accuracy)
            for step, accuracy in enumerate(row.curve, 1)
            if step in energies and accuracy is not None]  # fmt: skip


def curves(runs: Sequence[Chapter], key: str) -> list[Chart]:
    """Validation accuracy of every epoch, and each loss, one line a training."""
    order = _order(runs)
    histories = {
        (
            f"{chapter.run.name}: {name}" if len(runs) > 1 else name,
            order[number, ("cells", name)],
        ): rows
        for number, chapter in enumerate(runs)
        for name, rows in chapter.run.histories.items()
        if rows and (len(runs) == 1 or name == chapter.run.planned[-1])
    }
    accuracy = [
        Series(
            name,
            tuple((row["epoch"], row["valid"]) for row in rows if row["valid"] is not None),
            style=style,
        )
        for (name, style), rows in histories.items()
    ]
    name = f"Validation {metric_of(runs)}"
    charts = [chart(f"{key}-valid", name, _ends(accuracy), accuracy, "epoch",
                    f"validation {_axis(runs)}", whole_x=True)]  # fmt: skip
    terms = dict.fromkeys(t for rows in histories.values() for row in rows for t in row["losses"])
    for number, term in enumerate(terms):
        lines = [
            Series(name, _losses(rows, term), style=style)
            for (name, style), rows in histories.items()
        ]
        charts.append(chart(f"{key}-loss{number}", f"Loss {term}", _ends(lines), lines, "epoch",
                            f"{term}, unweighted", log_y=True, whole_x=True))  # fmt: skip
    return [one for one in charts if one is not None]


def _losses(rows: Sequence[Mapping[str, Any]], term: str) -> tuple[tuple[float, float], ...]:
    return tuple((row["epoch"], row["losses"][term]) for row in rows if term in row["losses"])


def _ends(lines: Sequence[Series]) -> str:
    """The last value of every line, in words."""
    return " ".join(f"{one.name} ends at {one.points[-1][1]:.4g}." for one in lines if one.points)
