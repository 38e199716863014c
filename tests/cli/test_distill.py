"""The main job in one command."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from spikedistill.core import calls

OWN = """
import torch
from torch import nn

def small():
    return nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 10))
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(calls, "_PLACES", [])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "own_small", raising=False)
    (tmp_path / "own_small.py").write_text(OWN)
    return tmp_path


def test_your_network_beside_its_twin(spike: Any, here: Path) -> None:
    done = spike("distill", "own_small:small", "--data", "digits", "-T", 3, "--epochs", 1,
                 "--mean", "0.3", "--std", "0.4", "--batch-size", 256, "--quiet")  # fmt: skip
    assert done.code == 0, done.err
    for part in ("teacher: as it came", "student (converted): not trained", "student: cross",
                 "Energy of one inference", "times less", "Still computed with real numbers",
                 "Everything lies in runs/small-twin"):  # fmt: skip
        assert part in done.out, part
    config = yaml.safe_load((here / "runs/small-twin/config.yaml").read_text())
    student = config["networks"]["student"]
    assert student["from"] == "teacher" and student["by"]["twin"]["neuron"]["ilif"]["k"] == 3
    assert config["networks"]["teacher"]["mean"] == [0.3]
    assert [phase["training"]["epochs"] for phase in config["phases"]] == [0, 1]
    # a finished run is not thrown away, and what it left behind is measured as any run is
    again = spike("distill", "own_small:small", "--data", "digits", "--epochs", 2, "--quiet")
    assert again.code == 1 and "already holds a run" in again.err
    found = json.loads(spike("evaluate", "runs/small-twin", "--json").out)
    rows = json.loads((here / "runs/small-twin/result.json").read_text())["rows"]
    assert found["scores"] == rows[-1]["scores"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["own_small:smal", "--data", "digits"], 1, "did you mean 'small'"),
        (["own_small:small", "--data", "digit"], 1, "did you mean 'digits'"),
        (["own_small:small", "--data", "digits", "--weights", "no.pt"], 1, "no weights no.pt"),
        (["own_small:small", "--data", "digits", "--mean", "a,b"], 2, "is no list of numbers"),
        (["own_small:small", "--data", "digits", "--minutes", 1, "--epochs", 1], 2, "not both"),
        (["own_small:small", "--data", "digits", "-T", 0], 2, "--timesteps"),
        (["own_small:small", "--data", "digits", "--minutes", 1e-6], 1, "shorter than one epoch"),
        (["own_small:small"], 2, "--data"),
    ],
)
def test_wrong_words_get_a_sentence(
    spike: Any, here: Path, words: list[Any], code: int, sentence: str
) -> None:
    done = spike("distill", *words, "--quiet")
    assert done.code == code
    assert sentence in " ".join(done.err.replace("│", " ").split())
    assert not (here / "runs").exists()
