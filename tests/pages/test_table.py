from __future__ import annotations

import math
from io import StringIO

from rich.console import Console

from spikedistill.pages.table import result_table

ROW = {"cell": "student", "role": "student", "losses": ["cross_entropy", "sastc"], "timesteps": 2,
       "metric": "accuracy", "scores": {"accuracy": [90.0, 95.5]}, "valid": 94.0,
       "parameters": 35700, "firing_rate": 0.125, "synops": 164_000.0,
       "multiplications": 10_500.0, "train_seconds": 75.2}  # fmt: skip
RESULT = {
    "name": "digits",
    "data": "digits",
    "seed": 3,
    "main": "student",
    "claim": {"value": 79.4, "source": "abstract"},
    "rows": [
        {**ROW, "cell": None, "role": "teacher", "losses": [], "timesteps": 1,
         "scores": {"accuracy": [98.05]}, "firing_rate": None, "synops": None,
         "train_seconds": None},
        ROW,
    ],
}  # fmt: skip


def test_a_row_for_each_network() -> None:
    console = Console(file=StringIO(), width=200)
    console.print(result_table(RESULT))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if "│" in line]
    assert rows == [
        ["teacher: as it came", "1", "98.05", "", "94.00", "35.7 k", "-", "-", "10.5 k", "-"],
        ["student: cross_entropy + sastc", "2", "90.00", "95.50", "94.00", "35.7 k", "0.125",
         "164 k", "10.5 k", "1 min 15 s"],
    ]  # fmt: skip
    assert lines[0].strip() == "digits (test split of digits, seed 3)"
    assert lines[-1].strip() == "published: 79.40 % (abstract)"


def test_brackets_are_text() -> None:
    row = {**ROW, "role": "s[1]", "losses": ["[bold]"], "train_seconds": math.nan}
    claim = {"value": 79.4, "source": "table [/2], [red]T=2"}
    result = {**RESULT, "name": "a[b]", "claim": claim, "rows": [row]}
    console = Console(file=StringIO(), width=200)
    console.print(result_table(result))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("a[b] (test split", "(table [/2], [red]T=2)", "s[1] (student): [bold]"):
        assert part in text


def test_another_metric_heads_its_columns_and_notes_stand_below() -> None:
    note = "The network cannot be run for T' = 1, so nothing is said of it there."
    scores = {"metric": "error", "scores": {"error": [None, 4.5], "accuracy": [None, 95.5]}}
    result = {**RESULT, "claim": None, "rows": [{**ROW, **scores, "notes": [note]}] * 2}
    console = Console(file=StringIO(), width=200)
    console.print(result_table(result))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("T'=1 error, %", "T'=2 error, %", "valid error, %"):
        assert part in text
    cells = [cell.strip() for cell in text.splitlines()[-3].strip("│").split("│")]
    assert cells[1:5] == ["2", "-", "4.50", "94.00"]
    assert text.count(note) == 1


def test_only_the_student_of_the_main_training_is_bold() -> None:
    beside = {**ROW, "role": "helper", "file": "network-helper"}
    table = result_table({**RESULT, "rows": [*RESULT["rows"], beside]})
    assert [row.style for row in table.rows] == [None, "bold", None]
