"""Tables on a terminal of any width: one that does not fit comes in parts, none loses a digit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Column, Table

WIDE = 10_000
"""Columns of a terminal on which everything fits."""
ROOMS = ((2, 10), (3, 10))
"""Part of the width that may go to what rows are called, as 1/n, and the columns that a single long
word may take beyond it."""
TIGHT = ((4, 0), (8, 0))
"""The same, where nothing else fits."""


def draw(out: Console, table: Table) -> None:
    """Print a table, in parts where the terminal is too narrow for it."""
    for part in parts(table, out):
        out.print(part)


def parts(table: Table, out: Console) -> list[Table]:
    """The table itself, or its columns in as few tables as it takes.

    Each begins with the leading columns of words, folded between words where they are long;
    numbers are never folded.
    """
    if _needs(table, out).maximum <= out.width:
        return [table]
    for rooms in (ROOMS, TIGHT):
        tried = [_divided(table, out, out.width // share, spare) for share, spare in rooms]
        found = min(tried, key=lambda some: (_too_wide(some, out), len(some)))
        if not _too_wide(found, out):
            break
    found[0].title, found[-1].caption = table.title, table.caption
    return found


def _divided(table: Table, out: Console, room: int, spare: int) -> list[Table]:
    """Parts in which what rows are called takes about `room`."""
    labels = _labels(table.columns)
    widths = [_width(one, out, max(room // labels - 2, 1), spare) for one in table.columns]
    first = list(range(labels))
    found: list[list[int]] = []
    for number in range(labels, len(table.columns)):
        longer = [*(found[-1] if found else first), number]
        if found and not _too_wide([_part(table, longer, widths)], out):
            found[-1] = longer
        else:
            found.append([*first, number])
    return [_part(table, chosen, widths) for chosen in found or [first]]


def _labels(columns: Sequence[Column]) -> int:
    """How many columns say what a row is: the words before the first number."""
    return max(len(list(takewhile(lambda column: column.justify == "left", columns))), 1)


def _width(column: Column, out: Console, room: int, spare: int) -> int:
    """What a column needs: for numbers their longest line, for words little more than `room`."""
    cells = [_needs(cell, out) for cell in column.cells]
    head = max((len(word) for word in str(column.header).split()), default=1)
    whole = max([head, *(cell.maximum for cell in cells)])
    word = max([head, *(cell.minimum for cell in cells)])
    return min(whole, max(room, min(word, room + spare))) if column.justify == "left" else whole


def _part(table: Table, chosen: Sequence[int], widths: Sequence[int]) -> Table:
    part = Table(box=table.box, padding=table.padding, pad_edge=table.pad_edge)
    columns = [table.columns[number] for number in chosen]
    for number, column in zip(chosen, columns, strict=True):
        width = {"min_width": widths[number], "max_width": widths[number]}
        part.add_column(column.header, justify=column.justify, overflow="fold", **width)
    cells = zip(*(list(column.cells) for column in columns), strict=True)
    for row, values in zip(table.rows, cells, strict=True):
        part.add_row(*values, style=row.style)
    return part


def _too_wide(some: Sequence[Table], out: Console) -> int:
    """How many of the tables do not fit."""
    return sum(_needs(part, out).minimum > out.width for part in some)


def _needs(what: RenderableType, out: Console) -> Measurement:
    """Widths where there is room for everything."""
    return out.measure(what, options=out.options.update(max_width=WIDE))
