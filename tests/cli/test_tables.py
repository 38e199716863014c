"""Tables on narrow terminals: in parts, with every cell whole."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from spikedistill.cli._tables import draw, parts


def example() -> Table:
    table = Table(title="the title", caption="the caption")
    table.add_column("recipe")
    table.add_column("trained by")
    for name in ("accuracy, %", "parameters", "multiply-adds"):
        table.add_column(name, justify="right")
    table.add_row("cifar100-small-sastc", "cross_entropy + logit_kd", "25.60 ± 0.05", "178 k", "1")
    table.add_row("digits", "cross_entropy", "[bold]11.11[/bold]", "9.2 k", "5.25 k", style="bold")
    return table


def drawn(width: int) -> str:
    out = Console(file=io.StringIO(), width=width)
    draw(out, example())
    text: Any = out.file
    return str(text.getvalue())


def test_where_it_fits_it_is_printed_as_it_is() -> None:
    whole = example()
    assert parts(whole, Console(width=200)) == [whole]


@pytest.mark.parametrize("width", [50, 60, 70, 90])
def test_no_number_is_folded_and_no_line_is_too_long(width: int) -> None:
    lines = drawn(width).splitlines()
    assert all(len(line) <= width for line in lines)
    cells = [cell.strip() for line in lines for cell in line.split("│")]
    for number in ("25.60 ± 0.05", "178 k", "11.11", "9.2 k", "5.25 k"):
        assert cells.count(number) == 1, number
    assert "the title" in lines[0] and "the caption" in lines[-1]


def test_every_part_says_what_its_rows_are() -> None:
    found = parts(example(), Console(width=60))
    heads = [[column.header for column in part.columns] for part in found]
    assert all(head[:2] == ["recipe", "trained by"] for head in heads)
    numbers = [name for head in heads for name in head[2:]]
    assert len(found) > 1 and numbers == ["accuracy, %", "parameters", "multiply-adds"]
    assert [part.title for part in found][1:] == [None] * (len(found) - 1)
    assert all(part.rows[1].style == "bold" for part in found)


def test_a_table_of_one_column_and_a_terminal_of_no_use() -> None:
    table = Table("word")
    table.add_row("antidisestablishmentarianism")
    assert len(parts(table, Console(width=10))) == 1
