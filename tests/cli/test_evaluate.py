from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest


def test_the_figures_are_those_of_the_run(spike: Any, finished: Path) -> None:
    row = json.loads((finished / "result.json").read_text())["rows"][-1]
    found = json.loads(spike("evaluate", finished, "--json").out)
    for name in ("parameters", "firing_rate", "macs"):
        assert found[name] == pytest.approx(row[name]), name
    assert found["scores"] == {"accuracy": pytest.approx(row["scores"]["accuracy"])}
    assert (found["metric"], found["unit"]) == ("accuracy", "%")
    assert (found["samples"], found["data"], found["timesteps"]) == (359, "digits", 2)


def test_other_steps_other_splits_and_a_cell(spike: Any, finished: Path) -> None:
    found = json.loads(spike("evaluate", finished, "-T", 4, "--json").out)
    assert len(found["scores"]["accuracy"]) == 4
    row = json.loads((finished / "result.json").read_text())["rows"][0]
    cell = finished / "cells/teacher"
    found = json.loads(spike("evaluate", cell, "--split", "valid", "--json").out)
    assert found["scores"] == {"accuracy": [row["valid"]]}
    out = spike("evaluate", finished / "model.safetensors").out
    assert "T' = 2" in out and "student on 359 test images of digits" in " ".join(out.split())
    assert "accuracy %" in out and "parameters; per image" in out


def test_a_wrong_split(spike: Any, finished: Path) -> None:
    done = spike("evaluate", finished, "--split", "tests")
    assert done.code == 2 and "not one of test, valid, train" in done.err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("no model", "holds no model.safetensors: the run is not finished"),
        ("no card", "there is no model.json beside"),
        ("bad card", "model.json is damaged"),
        ("cut model", "is damaged"),
        ("other model", "does not fit"),
    ],
)
def test_what_cannot_be_loaded(
    spike: Any, finished: Path, tmp_path: Path, change: str, sentence: str
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    card, model = folder / "model.json", folder / "model.safetensors"
    if change == "no model":
        model.unlink()
    elif change == "no card":
        card.unlink()
    elif change == "bad card":
        card.write_text(card.read_text()[:100])
    elif change == "cut model":
        model.write_bytes(model.read_bytes()[:5000])
    else:
        card.write_text(card.read_text().replace('"model": "digits"', '"model": "cifar_resnet20"'))
    done = spike("evaluate", folder)
    assert done.code == 1 and sentence in done.err and "Traceback" not in done.err
