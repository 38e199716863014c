from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest


def test_tables_and_sentences(spike: Any, finished: Path) -> None:
    done = spike("energy", finished)
    assert done.code == 0, done.err
    for part in (
        "student, T = 2, per inference (45 nm, float32: 4.6 / 0.9 pJ)",
        "energy per inference",
        "ANN 'teacher'",
        "The stem (layer1.0) is computed once per inference.",
        "layer1.0 counts as MAC: it stands before all neurons and reads real numbers",
        "Break-even in the literature",
        "0.15 to 1.38",
        "6.4 %",
    ):
        assert part in done.out, part


def test_as_json_and_into_a_file(spike: Any, finished: Path, tmp_path: Path) -> None:
    files = sorted(path.name for path in finished.rglob("*"))
    file = tmp_path / "new" / "energy.json"
    found = json.loads(spike("energy", finished, "--json", "--out", file).out)
    assert json.loads(file.read_text(encoding="utf-8")) == found
    row = json.loads((finished / "result.json").read_text())["rows"][-1]
    assert found["totals"]["45nm"]["snn_pj"] == pytest.approx(row["energy_pj"])
    assert found["synops"] == pytest.approx(row["synops"])
    assert (found["samples"], found["event_input"]) == (359, "mac")
    assert sorted(path.name for path in finished.rglob("*")) == files


def test_other_prices_steps_and_samples(spike: Any, finished: Path) -> None:
    done = spike("energy", finished, "--preset", "memory", "-T", 4, "--samples", 20)
    assert "T = 4, per inference (with memory, int32)" in done.out
    assert "20 of the 359 test samples" in done.out


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (("--samples", "0"), 2, "greater than or equal to 1"),
        (("--preset", "7nm"), 2, "'7nm' is not one of 45nm, fp16, int8, memory, quantized"),
        (("--event-input", "both"), 2, "'both' is not one of mac, ac"),
        (("--event-input", "ac"), 1, "no layer before the first neurons reads whole numbers"),
        (("--out", "energy.txt"), 2, "does not end in .json"),
    ],
)
def test_wrong_options(
    spike: Any, finished: Path, options: tuple[str, ...], code: int, sentence: str
) -> None:
    done = spike("energy", finished, *options)
    assert done.code == code and "Traceback" not in done.err
    assert sentence in " ".join(done.err.replace("│", " ").split())


def test_runs_that_have_no_energy(spike: Any, finished: Path, tmp_path: Path) -> None:
    done = spike("energy", tmp_path / "nothing")
    assert done.code == 1 and "there is no run folder or model file" in done.err
    done = spike("energy", finished / "cells/teacher")
    assert done.code == 1 and "the network 'teacher'" in done.err
    assert "has no neurons, so there is no spiking energy to count" in done.err
    unfinished = tmp_path / "run"
    shutil.copytree(finished, unfinished)
    for name in ("model.safetensors", "result.json"):
        (unfinished / name).unlink()
    done = spike("energy", unfinished)
    assert done.code == 1 and "the run is not finished; go on with" in done.err
