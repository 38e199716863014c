from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch


@pytest.fixture
def unfinished(finished: Path, tmp_path: Path) -> Path:
    """A run whose student is half trained, as its checkpoint says."""
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    for file in ("result.json", "cells/student/result.json"):
        (folder / file).unlink()
    return folder


def test_a_finished_run_is_shown_again(spike: Any, finished: Path) -> None:
    done = spike("resume", finished, "--quiet")
    assert done.code == 0 and "student: cross_entropy + logit_kd + sastc" in done.out


def test_the_last_training_is_finished(spike: Any, unfinished: Path, finished: Path) -> None:
    assert spike("resume", unfinished, "--quiet").code == 0
    results = [
        json.loads((path / "result.json").read_text())["rows"] for path in (finished, unfinished)
    ]
    accuracies = [[row["scores"]["accuracy"] for row in rows] for rows in results]
    assert accuracies[0] == accuracies[1]


@pytest.mark.parametrize("size", [0, 1000])
def test_a_damaged_checkpoint(spike: Any, unfinished: Path, size: int) -> None:
    path = unfinished / "cells/student/checkpoint.pt"
    path.write_bytes(path.read_bytes()[:size])
    done = spike("resume", unfinished, "--quiet")
    assert done.code == 1
    assert f"the checkpoint {path} cannot be read; it is damaged" in done.err
    assert "Traceback" not in done.err


def test_a_checkpoint_of_another_network(spike: Any, unfinished: Path) -> None:
    path = unfinished / "cells/student/checkpoint.pt"
    content = torch.load(path, weights_only=True)
    content["distiller"] = {"elsewhere": torch.zeros(1)}
    torch.save(content, path)
    done = spike("resume", unfinished, "--quiet")
    assert done.code == 1 and "belongs to other networks" in done.err


def test_a_config_that_was_changed_by_hand(spike: Any, unfinished: Path) -> None:
    path = unfinished / "config.yaml"
    path.write_text(path.read_text().replace("model: digits", "model: digts"))
    done = spike("resume", unfinished, "--quiet")
    assert done.code == 1 and "did you mean 'digits'?" in done.err
