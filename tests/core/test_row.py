"""Rows of results, of this version and of earlier ones."""

from __future__ import annotations

import json
import math

import pytest

from spikedistill.core.row import Row, curve_of, main_score

OLD = {
    "cell": "student", "role": "student", "network": "student", "timesteps": 2,
    "parameters": 9202, "macs": 1000, "accuracy": [90, 95.5], "valid": 96, "firing_rate": 0.25,
    "synops": 500, "multiplications": 4608, "energy_pj": 21646.8, "losses": ["ce", "kd"],
    "epochs": 2, "best": {"epoch": 2, "accuracy": 96.0}, "train_seconds": 3, "unknown": [1],
}  # fmt: skip


def test_rows_of_earlier_versions_are_read() -> None:
    row = Row.from_plain(OLD)
    assert (row.metric, row.unit, row.higher_is_better) == ("accuracy", "%", True)
    assert row.scores == {"accuracy": [90.0, 95.5]} and row.curve == [90.0, 95.5]
    assert (row.score, row.last("accuracy"), row.valid) == (95.5, 95.5, 96.0)
    assert (row.cell, row.losses, row.file, row.split) == ("student", ["ce", "kd"], "model", "test")
    assert (row.synops, row.multiplications, row.train_seconds) == (500.0, 4608.0, 3.0)
    assert type(row.macs) is float and row.spiking


def test_a_trained_ann_of_an_earlier_version() -> None:
    row = Row.from_plain(
        {"cell": None, "role": "teacher", "accuracy": [80.0], "synops": None, "firing_rate": None}
    )
    assert (row.cell, row.network, row.timesteps, row.synops) == (None, "", 1, None)
    assert not row.spiking and row.score == 80.0


def test_there_and_back() -> None:
    row = Row(
        "student", "student", 4, metric="error", unit="m", higher_is_better=False,
        scores={"error": [None, 3.0, None, 1.5], "accuracy": [1.0, 2.0, 3.0, 4.0]}, valid=1.25,
        notes=["a sentence"], file="network-guide", best={"epoch": 1, "score": 1.25},
    )  # fmt: skip
    assert Row.from_plain(json.loads(json.dumps(row.plain()))) == row
    assert row.curve == [None, 3.0, None, 1.5]
    assert (row.score, row.last("accuracy"), row.last("other")) == (1.5, 4.0, None)


def test_a_row_that_nothing_judged() -> None:
    row = Row("student")
    assert row.curve == [] and row.score is None and row.last("accuracy") is None
    assert Row.from_plain(row.plain()) == row


@pytest.mark.parametrize(
    "plain",
    [
        {"network": "a"},
        {"role": "a", "scores": 3},
        {"role": "a", "accuracy": ["much"]},
        {"role": "a", "macs": "many"},
    ],
)
def test_damaged_rows_are_refused(plain: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Row.from_plain(plain)


def test_the_main_score_of_an_epoch() -> None:
    seen = {"metric": "error", "scores": {"accuracy": [7.0, 8.0], "error": [2.0, 1.0]}}
    assert curve_of(seen) == [2.0, 1.0] and main_score(seen) == 1.0
    assert main_score({"accuracy": [50.0, 60]}) == 60.0  # of an earlier version
    assert curve_of({"accuracy": [50.0, 60.0]}) == [50.0, 60.0]
    for nothing in (None, {}, {"accuracy": []}, {"metric": "", "scores": {}}):
        assert main_score(nothing) is None
    assert main_score({"metric": "a", "scores": {"a": [1.0, None]}}) is None
    assert main_score({"metric": "a", "scores": {"a": [math.nan]}}) is None


def test_steps_that_are_several_binary_ones_say_so() -> None:
    assert Row("student", timesteps=4).steps == "4"
    assert Row("student", timesteps=1, sub_steps=2).steps == "1 x 2"
    assert Row.from_plain(OLD).sub_steps == 1


def test_a_row_reads_as_the_result_file_does() -> None:
    row = Row.from_plain(OLD)
    assert {key: row[key] for key in row.plain()} == row.plain()
    with pytest.raises(KeyError, match="no 'accuracy'; it has role, network"):
        row["accuracy"]
