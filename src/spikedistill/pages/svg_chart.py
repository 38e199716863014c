"""The geometry of charts: where lines, points and ticks lie. A template turns it into SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.ticker import LogLocator, MaxNLocator

WIDTH, HEIGHT = 560.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 30.0, 10.0, 46.0
STYLES = 6
"""Colours, and kinds of dashes and marks, in the style sheet; 36 of their pairs are used."""


@dataclass(frozen=True)
class Series:
    """Points of one thing, joined in their order."""

    name: str
    points: tuple[tuple[float, float], ...]
    labels: tuple[str, ...] = ()
    """One for each point, shown where the pointer rests; none: no marks."""
    style: int | None = None
    """Which colour, dash and mark; default its place among the series."""


@dataclass(frozen=True)
class Tick:
    """A place on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Drawn:
    """A series in the coordinates of the picture."""

    name: str
    colour: int
    kind: int
    """Of dash and mark."""
    path: str
    """Of an SVG `<path>`; empty where there is no point."""
    marks: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True)
class Chart:
    """A picture of `WIDTH` x `HEIGHT` units."""

    key: str
    title: str
    text: str
    """What it shows, for those who cannot see it."""
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    series: tuple[Drawn, ...]
    marked: float | None = None
    """Where a vertical line stands."""
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


@dataclass(frozen=True)
class Axis:
    """Values to coordinates, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The coordinate of a value."""
        low, high, value = (self._scaled(one) for one in (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.5
        return round(self.start + share * (self.end - self.start), 2)

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def ticks(self, whole: bool = False) -> tuple[Tick, ...]:
        """Round values inside the axis."""
        inside: list[float] = []
        if self.log:
            decades = math.log10(self.high / self.low)
            subs = (1.0, 2.0, 5.0) if decades < 3.2 else (1.0,)
            values = LogLocator(subs=subs, numticks=12).tick_values(self.low, self.high)
            inside = self._inside(values)
        if not self.log or len(inside) < 3:
            steps = [1, 2, 5, 10]
            values = MaxNLocator(6, steps=steps, integer=whole).tick_values(self.low, self.high)
            inside = self._inside(values)
        return tuple(Tick(self(value), f"{value:,.7g}") for value in inside)

    def _inside(self, values: Iterable[float]) -> list[float]:
        room = 1e-9 * abs(self.high - self.low)
        return [float(v) for v in values if self.low - room <= v <= self.high + room]


def chart(
    key: str,
    title: str,
    text: str,
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    whole_x: bool = False,
    marked: float | None = None,
) -> Chart | None:
    """Lay out series on axes that just hold them; None where there is no point to show.

    Points that are not finite, or not above 0 on a logarithmic axis, are left out.

    Args:
        key: unlike that of every other chart of a page.
        title: what a heading would say.
        text: what it shows, in words.
        series: at most a few.
        x_label: with its unit.
        y_label: with its unit.
        log_x: logarithmic x axis.
        log_y: logarithmic y axis.
        whole_x: ticks at whole numbers only.
        marked: an x value to draw a vertical line at, if it lies on the axis.
    """

    def fits(point: tuple[float, float]) -> bool:
        logs = ((point[0], log_x), (point[1], log_y))
        return all(math.isfinite(value) and (value > 0 or not log) for value, log in logs)

    points = [point for one in series for point in one.points if fits(point)]
    if not points:
        return None
    x = _axis([point[0] for point in points], LEFT, WIDTH - RIGHT, log_x)
    y = _axis([point[1] for point in points], HEIGHT - BOTTOM, TOP, log_y)
    drawn = []
    for number, one in enumerate(series):
        style = number if one.style is None else one.style
        placed = [(x(point[0]), y(point[1])) for point in one.points if fits(point)]
        path = "M" + "L".join(f"{a:g} {b:g}" for a, b in placed) if placed else ""
        labels = [
            label for point, label in zip(one.points, one.labels, strict=False) if fits(point)
        ]
        marks = tuple((a, b, label) for (a, b), label in zip(placed, labels, strict=False))
        drawn.append(
            Drawn(one.name, style % STYLES, (style + style // STYLES) % STYLES, path, marks)
        )
    line = x(marked) if marked is not None and x.low <= marked <= x.high else None
    ticks = x.ticks(whole_x), y.ticks()
    return Chart(key, title, text, x_label, y_label, *ticks, tuple(drawn), line)


def _axis(values: Sequence[float], start: float, end: float, log: bool) -> Axis:
    """An axis with some room around the values."""
    low, high = min(values), max(values)
    if log:
        room = max((high / low) ** 0.06, 1.15)
        return Axis(low / room, high * room, start, end, log)
    room = 0.05 * (high - low) or max(0.5, 0.01 * abs(high))
    return Axis(low - room, high + room, start, end)
