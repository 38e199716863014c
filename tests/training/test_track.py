"""Trackers get the numbers of every epoch; what is missing is said before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from accelerate import tracking as engines

from spikedistill.core.errors import SpikedistillError
from spikedistill.recipes import files
from spikedistill.runs.start import start
from spikedistill.training.settings import Settings
from spikedistill.training.track import check_trackers, tracked

TINY = ["training.epochs=2", "data.train_limit=64", "training.batch_size=32",
        "phases.student.compare={}", "training.precision=fp32", "training.compile=off"]  # fmt: skip


def test_tensorboard_holds_the_numbers_of_every_epoch(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra spikedistill[track] is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "run"
    start(files.load("digits-sastc", [*TINY, "training.track=tensorboard"]), folder)
    for cell in ("teacher", "student"):
        events = EventAccumulator(str(folder / "tracked" / cell / "digits-sastc")).Reload()
        lines = (folder / "cells" / cell / "metrics.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        for tag, values in {
            "loss/cross_entropy": [row["losses"]["cross_entropy"] for row in rows],
            "valid/accuracy": [row["valid"]["scores"]["accuracy"][-1] for row in rows],
            "lr": [row["lr"] for row in rows],
        }.items():
            seen = events.Scalars(tag)
            assert [one.step for one in seen] == [1, 2]
            assert [one.value for one in seen] == pytest.approx(values, rel=1e-5)
    assert "valid/firing_rate" in events.Tags()["scalars"]


def test_a_tracker_that_is_not_installed_is_said_before_a_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "get_available_trackers", lambda: [])
    recipe = files.load("digits-sastc", [*TINY, "training.track=[tensorboard]"])
    with pytest.raises(SpikedistillError, match=r"`pip install spikedistill\[track\]`, or leave"):
        start(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(SpikedistillError, match="`pip install comet-ml`"):
        check_trackers(["comet_ml"])
    with pytest.raises(SpikedistillError, match=r"no tracker 'tensorbord'; did you mean 'tensorb"):
        check_trackers(["tensorbord"])


def test_without_trackers_nothing_is_made(tmp_path: Path) -> None:
    with tracked((), tmp_path / "tracked", "x", {}) as send:
        assert send is None
    assert not list(tmp_path.iterdir())


def test_one_name_or_several() -> None:
    assert Settings(track="tensorboard").track == ("tensorboard",) == Settings(
        track=("tensorboard",)
    ).track  # fmt: skip
    recipe = files.load("digits-sastc", ["training.track=tensorboard"])
    assert recipe.plain()["phases"][0]["training"]["track"] == ["tensorboard"]
