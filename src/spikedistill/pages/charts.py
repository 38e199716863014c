"""Charts of studies: lines with spread, heat maps, and rows of small maps, as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from spikedistill.pages.plot import COLOURS, _figure

Series = Mapping[str, Sequence[tuple[float, float, float | None]]]
"""Name of a line -> its points: x, y, and the spread of y (None: not known)."""

MARKS = "osD^vP"


def plot_lines(
    series: Series, path: Path, x: str, y: str, title: str = "", level: float | None = None
) -> None:
    """Lines over a common axis, a bar for the spread at each point.

    Args:
        series: the lines.
        path: where to write.
        x: what the horizontal axis says.
        y: what the vertical axis says.
        title: over the chart.
        level: a dashed line across, as for a teacher.
    """
    figure, axis = _figure(6.4, 4.0)
    for number, (name, points) in enumerate(series.items()):
        xs, ys = [point[0] for point in points], [point[1] for point in points]
        bars = [point[2] or 0.0 for point in points]
        axis.errorbar(
            xs,
            ys,
            yerr=bars if any(bars) else None,
            label=name,
            capsize=3,
            color=COLOURS[number % len(COLOURS)],
            marker=MARKS[number % len(MARKS)],
        )
    if level is not None:
        axis.axhline(level, color="0.4", linestyle="--", linewidth=1)
    axis.set(xlabel=x, ylabel=y, title=title)
    if all(float(point[0]).is_integer() for points in series.values() for point in points):
        axis.xaxis.get_major_locator().set_params(integer=True)  # no half epochs
    if len(series) > 1:
        axis.legend(fontsize=8)
    figure.savefig(path, format="png", dpi=130)


def plot_heat(
    values: Sequence[Sequence[float]],
    rows: Sequence[str],
    columns: Sequence[str],
    path: Path,
    x: str,
    y: str,
    title: str = "",
    middle: float | None = None,
) -> None:
    """A heat map with its numbers written in.

    Args:
        values: row by row.
        rows: names of the rows.
        columns: names of the columns.
        path: where to write.
        x: what the columns are.
        y: what the rows are.
        title: over the map.
        middle: the value at which the colours turn, as the accuracy without a hint.
    """
    figure, axis = _figure(2.2 + 1.1 * len(columns), 1.6 + 0.8 * len(rows))
    flat = [value for row in values for value in row]
    centre = sum(flat) / len(flat) if middle is None else middle
    reach = max(abs(value - centre) for value in flat) or 1.0
    image = axis.imshow(
        values, cmap="RdBu", vmin=centre - reach, vmax=centre + reach, aspect="auto"
    )
    for number, row in enumerate(values):
        for place, value in enumerate(row):
            dark = abs(value - centre) > 0.6 * reach
            axis.text(
                place, number, f"{value:.1f}", ha="center", va="center",
                color="white" if dark else "black",
            )  # fmt: skip
    axis.grid(visible=False)
    axis.set_xticks(range(len(columns)), columns)
    axis.set_yticks(range(len(rows)), rows)
    axis.set(xlabel=x, ylabel=y, title=title)
    figure.colorbar(image)
    figure.savefig(path, format="png", dpi=130)


def plot_maps(
    maps: Sequence[Sequence[Sequence[Sequence[float]]]],
    titles: Sequence[str],
    steps: Sequence[str],
    path: Path,
    x: str,
    y: str,
) -> None:
    """Small maps with values in [0, 1]: one row for each time step, one column for each title.

    Args:
        maps: `[column][step][i][j]`.
        titles: one for each column.
        steps: one for each row.
        path: where to write.
        x: what j is.
        y: what i is.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.0 + 1.5 * len(titles), 0.8 + 1.5 * len(steps)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(steps), len(titles), squeeze=False)
    for column, title in enumerate(titles):
        axes[0][column].set_title(title, fontsize=9)
        for step, name in enumerate(steps):
            axis, values = axes[step][column], maps[column][step]
            image = axis.imshow(values, cmap="viridis", vmin=0.0, vmax=1.0)
            for i, line in enumerate(values):
                for j, value in enumerate(line):
                    axis.text(
                        j, i, f"{value:.2f}", ha="center", va="center", fontsize=7,
                        color="white" if value < 0.6 else "black",
                    )  # fmt: skip
            axis.set_xticks(range(len(values[0])), [str(j + 1) for j in range(len(values[0]))])
            axis.set_yticks(range(len(values)), [str(i + 1) for i in range(len(values))])
            if not column:
                axis.set_ylabel(f"{name}\n{y}", fontsize=8)
            if step == len(steps) - 1:
                axis.set_xlabel(x, fontsize=8)
    figure.colorbar(image, ax=axes.ravel().tolist(), shrink=0.8)
    figure.savefig(path, format="png", dpi=130)
