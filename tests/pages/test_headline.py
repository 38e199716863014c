from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spikedistill.pages.headline import Chapter, curves, pareto, table, tiles
from spikedistill.pages.read_run import read_run

ENERGY_TEACHER, ENERGY_STUDENT = 1e7 * 4.6, 1e5 * 4.6 + 2e6 * 0.9


@pytest.fixture
def told(make_run: Callable[..., Path], looks: dict[Any, Any]) -> Chapter:
    return Chapter(read_run(make_run()), looks)


def test_the_headline(told: Chapter) -> None:
    found = {tile.name: (tile.value, tile.note) for tile in tiles(told.run)}
    assert found["Student"] == ("92.50 %", "after T = 2 time steps; 88.00 % after the first")
    assert found["Teacher"] == ("96.00 %", "the student lies 3.50 points below")
    assert found["Gain by distillation"][0] == "+7.50"
    ratio = ENERGY_TEACHER / ENERGY_STUDENT
    assert found["Energy"] == (
        f"{ratio:.1f} times less", "2.26 µJ against 46 µJ per image, an estimate",
    )  # fmt: skip
    assert found["Claimed"] == (
        "97.50 %", "published: table 1; measured here 92.50 % (-5.00)",
    )  # fmt: skip


def test_nothing_is_said_of_a_run_without_its_main_training(told: Chapter) -> None:
    told.run.rows.pop()
    assert tiles(told.run) == []


def test_the_table(told: Chapter) -> None:
    found = table([told])
    assert found["head"][:4] == ["network: trained by", "T", "T'=1, %", "T'=2, %"]
    assert [row["main"] for row in found["rows"]] == [False, False, True]
    assert found["rows"][0]["cells"] == [
        "teacher: as it came", "1", "96.00", "", "90.00", "1 k", "-", "-", "10 M", "46 µJ",
        "1 min 15 s",
    ]  # fmt: skip
    assert found["rows"][2]["cells"][0] == "student: cross_entropy + sastc"
    assert [row["run"] for row in table([told, told])["rows"]] == ["toy"] * 6


def test_accuracy_against_energy(told: Chapter) -> None:
    drawn = pareto([told], "k")
    assert drawn is not None and drawn.x_label == "estimated energy per image, µJ"
    labels = [[mark[2] for mark in line.marks] for line in drawn.series]
    assert labels[0] == ["teacher: as it came, T' = 1: 96.00 %, 46 µJ"]
    assert labels[2] == [
        "student: cross_entropy + sastc, T' = 1: 88.00 %, 1.4 µJ",
        "student: cross_entropy + sastc, T' = 2: 92.50 %, 2.26 µJ",
    ]
    alone = pareto([Chapter(told.run, {})], "k")  # the cost of fewer steps was not measured
    assert alone is not None and [len(line.marks) for line in alone.series] == [1, 1, 1]


def test_the_same_network_looks_the_same_in_every_chart(told: Chapter) -> None:
    first = pareto([told], "k")
    assert first is not None
    looks = {line.name.split(":")[0]: (line.colour, line.kind) for line in first.series}
    for drawn in curves([told], "c"):
        assert {
            line.name: (line.colour, line.kind) for line in drawn.series
        }.items() <= looks.items()


def test_curves(told: Chapter) -> None:
    found = curves([told], "c")
    assert [drawn.title for drawn in found] == ["Validation accuracy", "Loss cross_entropy"]
    assert found[0].text == "cross_entropy ends at 90. student ends at 90."
    assert [line.name for line in curves([told, told], "c")[0].series] == ["toy: student"] * 2


def test_a_run_that_another_metric_judges(told: Chapter) -> None:
    for row in told.run.rows:
        row.metric, row.unit = "perplexity", ""
        row.scores = {"perplexity": row.scores["accuracy"], "accuracy": [1.0]}
    found = {tile.name: (tile.value, tile.note) for tile in tiles(told.run)}
    assert found["Student, perplexity"] == (
        "92.50", "after T = 2 time steps; 88.00 after the first",
    )  # fmt: skip
    assert found["Teacher"] == ("96.00", "the student lies 3.50 below")
    assert found["Gain by distillation"] == (
        "+7.50", "over the same student without a teacher (85.00)",
    )  # fmt: skip
    assert table([told])["head"][2:5] == [
        "T'=1, perplexity", "T'=2, perplexity", "valid, perplexity",
    ]  # fmt: skip
    drawn = pareto([told], "k")
    assert drawn is not None and drawn.title == "Perplexity, time steps and energy"
    assert drawn.y_label == "test perplexity"
    assert curves([told], "c")[0].title == "Validation perplexity"
    told.run.config["claim"] = {"value": 2.0, "metric": "accuracy"}
    last = {tile.name: tile.note for tile in tiles(told.run)}["Claimed"]
    assert last == "published; measured here 1.00 (-1.00)"


def test_a_network_that_has_no_answer_after_some_steps(told: Chapter) -> None:
    main = told.run.main
    assert main is not None
    main.scores = {"accuracy": [None, 92.5]}
    assert tiles(told.run)[0].note == "after T = 2 time steps"
    assert table([told])["rows"][2]["cells"][2:4] == ["-", "92.50"]
    drawn = pareto([told], "k")
    assert drawn is not None and [len(line.marks) for line in drawn.series] == [1, 2, 1]
