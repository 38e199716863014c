"""Where the data of a saved network are looked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from spikedistill.build import saved as module
from spikedistill.build.saved import Saved
from spikedistill.data import DataSet, data_set
from spikedistill.recipes.data_entry import DataEntry

CARD = {"data": {"name": "mnist", "valid": 100}, "seed": 3}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every place where data were asked for."""
    places: list[Any] = []
    found = data_set("digits", train_limit=20)

    def build(entry: DataEntry, where: Any, seed: int) -> DataSet:
        assert (entry.name, entry.valid, seed) == ("mnist", 100, 3)
        places.append(where)
        return found

    monkeypatch.setattr(module, "build_data", build)
    return places


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder that had its data in `sets`."""
    (tmp_path / "sets").mkdir()
    folder = tmp_path / "runs/mine"
    (folder / "cells/student").mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"data_dir": str(tmp_path / "sets")}))
    return folder


@pytest.mark.parametrize("of", [".", "cells/student"])
def test_data_lie_where_they_lay_for_the_run(
    run: Path, asked: list[Any], tmp_path: Path, of: str
) -> None:
    Saved(nn.Identity(), CARD, run / of / "model.safetensors").data()
    assert asked == [str(tmp_path / "sets")]


def test_the_place_that_is_given_comes_first(run: Path, asked: list[Any]) -> None:
    Saved(nn.Identity(), CARD, run / "model.safetensors").data("elsewhere")
    assert asked == ["elsewhere"]


@pytest.mark.parametrize("manifest", ["{", "[]", "{}", '{"data_dir": 3}', '{"data_dir": "/gone"}'])
def test_without_a_place_that_is_there_the_usual_one_is_taken(
    run: Path, asked: list[Any], manifest: str
) -> None:
    (run / "manifest.json").write_text(manifest)
    Saved(nn.Identity(), CARD, run / "cells/student/model.safetensors").data()
    assert asked == [None]


def test_a_model_file_outside_of_any_run(asked: list[Any], tmp_path: Path) -> None:
    Saved(nn.Identity(), CARD, tmp_path / "model.safetensors").data()
    assert asked == [None]
