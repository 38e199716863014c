"""Pictures of a run: accuracy at every number of steps, and how the trainings went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

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


def _names(row: Mapping[str, Any]) -> str:
    return "\n+ ".join(row["losses"]) or str(row["role"])


def plot_result(result: Mapping[str, Any], path: Path) -> None:
    """Bars of each student's accuracy at T' = 1..T, and a line for each teacher, as a PNG file."""
    spiking = [row for row in result["rows"] if row["firing_rate"] is not None and row["accuracy"]]
    plain = [row for row in result["rows"] if row["firing_rate"] is None and row["accuracy"]]
    steps = max((len(row["accuracy"]) for row in spiking), default=1)
    figure, axis = _figure(max(5.0, 1.5 + 1.5 * len(spiking)), 4.0)
    width = 0.8 / steps
    for step in range(steps):
        places = [x + (step - (steps - 1) / 2) * width for x in range(len(spiking))]
        heights = [row["accuracy"][step] if step < len(row["accuracy"]) else 0 for row in spiking]
        bars = axis.bar(places, heights, width * 0.95, label=f"T' = {step + 1}",
                        color=COLOURS[0], alpha=0.4 + 0.6 * (step + 1) / steps)  # fmt: skip
        axis.bar_label(bars, fmt="%.1f", fontsize=8)
    for number, row in enumerate(plain):
        value = row["accuracy"][-1]
        axis.axhline(value, color=COLOURS[1 + number % 5], linestyle="--",
                     label=f"{row['role']} {value:.1f} %")  # fmt: skip
    values = [value for row in result["rows"] for value in row["accuracy"]]
    if values:
        room = max(1.0, 0.25 * (max(values) - min(values)))
        axis.set_ylim(max(0.0, min(values) - 2 * room), min(100.0, max(values)) + room)
    axis.set_xticks(range(len(spiking)), [_names(row) for row in spiking], fontsize=8)
    axis.set_ylabel("test accuracy, %")
    axis.set_title(f"{result['name']}, seed {result['seed']}")
    axis.legend(fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.22), frameon=False)
    figure.savefig(path, format="png", dpi=150)


def plot_curves(histories: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Validation accuracy and mean losses of every epoch, one colour a training, as a PNG file.

    Args:
        histories: name of a training -> its lines of metrics.
        path: where to write.
    """
    figure, (accuracy, loss) = _figure(9.0, 3.5, panels=2)
    for number, (name, rows) in enumerate(histories.items()):
        colour = COLOURS[number % len(COLOURS)]
        judged = [row for row in rows if row.get("valid") and row["valid"]["accuracy"]]
        accuracy.plot([row["epoch"] for row in judged],
                      [row["valid"]["accuracy"][-1] for row in judged],
                      color=colour, label=name)  # fmt: skip
        for style, term in zip(("-", "--", ":", "-."), rows[-1]["losses"] if rows else (),
                               strict=False):  # fmt: skip
            loss.plot([row["epoch"] for row in rows], [row["losses"][term] for row in rows],
                      color=colour, linestyle=style, label=f"{name}: {term}")  # fmt: skip
    accuracy.set(xlabel="epoch", ylabel="validation accuracy, %")
    loss.set(xlabel="epoch", ylabel="loss (unweighted)", yscale="log")
    for axis in (accuracy, loss):
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=7)
    figure.savefig(path, format="png", dpi=150)
