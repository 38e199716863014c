from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spikedistill.cli.plan import estimates

QUICK = ["training.epochs=2", "training.batch_size=16", "training.precision=fp32",
         "phases.student.compare={}"]  # fmt: skip


def test_the_page_has_an_example(spike: Any) -> None:
    page = spike("plan", "--help")
    assert page.code == 0 and "Example: spikedistill plan" in page.out
    assert " plan " in spike("--help").out


def test_the_paper_estimate_has_no_times(
    spike: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = spike("plan", "digits-sastc", *QUICK, "--no-measure")
    assert done.code == 0 and done.err == ""
    for text in ("digits-sastc: what each training takes", "GMAC/step", "role student",
                 "loss sastc", "1,294 images to train on"):  # fmt: skip
        assert text in done.out
    assert "samples/s" not in done.out and "the whole recipe" not in done.out
    assert list(tmp_path.iterdir()) == []


def test_with_a_measurement_it_says_how_long(spike: Any) -> None:
    done = spike("plan", "digits-sastc", *QUICK)
    assert done.code == 0
    assert "samples/s" in done.out and "the whole recipe: about" in done.out
    assert "measured here: multiply-adds at" in done.out


def test_json_is_all_that_is_printed(spike: Any) -> None:
    done = spike("plan", "digits-sastc", *QUICK, "--no-measure", "--json")
    found = json.loads(done.out)
    assert [row["cell"] for row in found["cells"]] == ["teacher", "student"]
    assert found["cells"][0]["batch_size"] == 16 and found["seconds"] is None


def test_for_a_gpu_that_is_not_here(spike: Any) -> None:
    done = spike("plan", "digits-sastc", *QUICK, "--device", "a100")
    text = " ".join(done.out.split())
    assert done.code == 0 and "device: NVIDIA A100 80GB (SXM)" in text
    assert "(estimate for one NVIDIA A100 80GB (SXM), not measured)" in text
    assert "assumed: 40 % of 312 TFLOP/s in bf16 and 70 % of 2.04 TB/s" in text
    assert "measured here" not in text and "samples/s" in text


def test_what_does_not_fit_is_said() -> None:
    device = {"title": "X", "memory": 1e9, "bf16": 1e14, "bandwidth": 1e12, "launch": 1e-5,
              "share_of_peak": 0.4, "share_of_bandwidth": 0.7}  # fmt: skip
    found = {"assumed": device, "seconds": 7200.0, "cells": [{"memory": {"total": 2e9}}]}
    lines = estimates(found)
    assert lines[0].startswith("GPU hours of the whole recipe: about 2 (estimate for one X,")
    assert lines[-1].startswith("it does not fit: 2 GB of 1 GB; lower training.batch_size")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["plan"], 2, "Missing argument"),
        (["plan", "digit-sastc"], 1, "Error: there is no recipe 'digit-sastc'; did you mean"),
        (["plan", "digits-sastc", "training.lr"], 1, "is no override; write key.path=value"),
        (["plan", "digits-sastc", "--device", "h20"], 1, "no data sheet of a device 'h20'"),
        (["plan", "digits-sastc", "trainng.lr=1"], 1, "did you mean 'training'?"),
        (["plan", "digits-sastc", "data={name: imagefolder}", "--data-dir", "nowhere"], 1,
         "nowhere/train holds 0 classes"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(
    spike: Any, arguments: list[str], code: int, sentence: str
) -> None:
    done = spike(*arguments)
    assert done.code == code and sentence in done.err.replace("\n", " ")
    assert "Traceback" not in done.err


OWN = """
import torch
from torch.utils.data import TensorDataset

def images():
    return TensorDataset(torch.rand(40, 1, 8, 8), torch.arange(40) % 4)
"""


def test_data_of_ones_own_are_planned(spike: Any, tmp_path: Path) -> None:
    (tmp_path / "planned_images.py").write_text(OWN)
    recipe = tmp_path / "own.yaml"
    recipe.write_text(
        "name: own\ndata: {call: 'planned_images:images'}\n"
        "networks: {ann: {model: digits}}\ntraining: {epochs: 2, batch_size: 16}\n"
        "phases: [{roles: {student: {network: ann, trainable: true}}, losses: [cross_entropy]}]\n"
    )
    for command, word in (("plan", "--no-measure"), ("run", "--dry-run")):
        done = spike(command, recipe, word, "--json")
        assert done.code == 0 and "Traceback" not in done.err
        assert [row["steps"] for row in json.loads(done.out)["cells"]] == [2 * 2]  # 32 of 40 images
