"""Pictures of a run: accuracy at every number of steps, and how the trainings went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from spikedistill.core.row import Row, main_score

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
"""Okabe and Ito's, which people with any colour vision tell apart."""


def _figure(width: float, height: float, panels: int = 1) -> tuple[Figure, Any]:
    # without pyplot: no display is looked for and no figure outlives its function
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, panels)
    for axis in axes if panels > 1 else [axes]:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", alpha=0.3)
        axis.set_axisbelow(True)
    return figure, axes


def _names(row: Row) -> str:
    return "\n+ ".join(row.losses) or row.role


def plot_result(result: Mapping[str, Any], path: Path) -> None:
    """Bars of each student's main metric at T' = 1..T, a line for each teacher, as a PNG file."""
    rows = [Row.from_plain(row) for row in result["rows"]]
    spiking = [row for row in rows if row.spiking and row.score is not None]
    plain = [row for row in rows if not row.spiking and row.score is not None]
    steps = max((len(row.curve) for row in spiking), default=1)
    figure, axis = _figure(max(5.0, 1.5 + 1.5 * len(spiking)), 4.0)
    width = 0.8 / steps
    for step in range(steps):
        places = [x + (step - (steps - 1) / 2) * width for x in range(len(spiking))]
        heights = [(row.curve[step] or 0) if step < len(row.curve) else 0 for row in spiking]
        bars = axis.bar(places, heights, width * 0.95, label=f"T' = {step + 1}",
                        color=COLOURS[0], alpha=0.4 + 0.6 * (step + 1) / steps)  # fmt: skip
        axis.bar_label(bars, fmt="%.1f", fontsize=8)
    for number, row in enumerate(plain):
        assert row.score is not None
        axis.axhline(row.score, color=COLOURS[1 + number % 5], linestyle="--",
                     label=f"{row.role} {row.score:.1f} {row.unit}")  # fmt: skip
    values = [value for row in rows for value in row.curve if value is not None]
    if values:
        room = max(1.0, 0.25 * (max(values) - min(values)))
        top = max(values)
        top = min(100.0, top) if rows[-1].unit == "%" else top
        axis.set_ylim(max(0.0, min(values) - 2 * room), top + room)
    axis.set_xticks(range(len(spiking)), [_names(row) for row in spiking], fontsize=8)
    axis.set_ylabel(f"test {_axis([row.metric for row in rows], [row.unit for row in rows])}")
    axis.set_title(f"{result['name']}, seed {result['seed']}")
    axis.legend(fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.22), frameon=False)
    figure.savefig(path, format="png", dpi=150)


def _axis(metrics: Sequence[str], units: Sequence[str]) -> str:
    """What an axis of scores says: `accuracy, %`."""
    metric = next(filter(None, metrics), "accuracy")
    unit = units[0] if units else "%"
    return f"{metric}, {unit}" if unit else metric


def plot_curves(histories: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """The main metric on validation data and mean losses of every epoch, as a PNG file.

    Args:
        histories: name of a training -> its lines of metrics.
        path: where to write.
    """
    figure, (score, loss) = _figure(9.0, 3.5, panels=2)
    seen: list[Mapping[str, Any]] = []
    for number, (name, rows) in enumerate(histories.items()):
        colour = COLOURS[number % len(COLOURS)]
        judged = [row for row in rows if main_score(row.get("valid")) is not None]
        seen += [row["valid"] for row in judged[:1]]
        score.plot([row["epoch"] for row in judged],
                   [main_score(row["valid"]) for row in judged],
                   color=colour, label=name)  # fmt: skip
        for style, term in zip(("-", "--", ":", "-."), rows[-1]["losses"] if rows else (),
                               strict=False):  # fmt: skip
            loss.plot([row["epoch"] for row in rows], [row["losses"][term] for row in rows],
                      color=colour, linestyle=style, label=f"{name}: {term}")  # fmt: skip
    metrics = [one.get("metric", "accuracy") for one in seen]
    text = _axis(metrics, [one.get("unit", "%") for one in seen])
    score.set(xlabel="epoch", ylabel=f"validation {text}")
    loss.set(xlabel="epoch", ylabel="loss (unweighted)", yscale="log")
    for axis in (score, loss):
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=7)
    figure.savefig(path, format="png", dpi=150)
