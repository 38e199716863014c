"""A run whose process dies at any of its renamings: what is finished stays, the rest goes on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.recipes import files
from spikedistill.runs.start import resume, start
from spikedistill.training import trainer

SMALLEST = files.load("digits-sastc", [
    "training.epochs=1", "data.train_limit=32", "training.batch_size=32", "training.compile=off",
    "training.precision=fp32", "phases.student.compare={}", "phases.student.losses=[cross_entropy]",
])  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A finished run."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    torch.set_num_threads(1)
    return folder, start(SMALLEST.model_copy(update={"seed": 1}), folder)


class Died(BaseException):
    """The process is gone: nobody catches this."""


@contextmanager
def dying_at(number: int) -> Iterator[None]:
    """A process that ends at its renaming number `number` and leaves the disk as it is then."""
    seen, real, removed = [0], os.replace, Path.unlink

    def rename(source: Any, target: Any) -> None:
        seen[0] += 1
        if seen[0] >= number:
            raise Died
        real(source, target)

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if seen[0] < number:
            removed(path, missing_ok)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Died):
        patch.setattr(os, "replace", rename)
        patch.setattr(Path, "unlink", unlink)
        yield


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The trainings that are begun."""
    fit, names = trainer.fit, list[str]()

    def spy(*args: Any, **options: Any) -> Any:
        names.append(options["title"])
        return fit(*args, **options)

    monkeypatch.setattr("spikedistill.runs.cell_by_cell.fit", spy)
    return names


# of 25 renamings: 1, 2 make the run, 3, 4 the teacher's cell, which 11 finishes, 12, 13 the next
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 8, 11, 12, 13, 14, 22, 25])
def test_a_run_that_died_at_a_renaming_goes_on(
    tmp_path: Path, number: int, trained: list[str]
) -> None:
    folder, recipe = tmp_path / "run", SMALLEST
    with dying_at(number):
        start(recipe, folder)
    trained.clear()
    if number <= 2:
        with pytest.raises(SpikedistillError, match="is not a run folder"):
            resume(folder)
        start(recipe, folder)
    else:
        with pytest.raises(SpikedistillError, match="already holds a run; go on with it by"):
            start(recipe, folder)
        resume(folder)
    assert ("teacher" in trained) == (number <= 11)
    assert (folder / "result.json").exists() and not list(folder.rglob(".*"))


# of the folder's 8 things the recipe is moved first; 9, 10 make the new run
@pytest.mark.parametrize("number", [1, 2, 9, 10, 11])
def test_a_run_that_died_while_it_replaced_another(
    done: tuple[Path, dict[str, Any]], tmp_path: Path, number: int
) -> None:
    folder, recipe = tmp_path / "run", SMALLEST
    shutil.copytree(done[0], folder)
    with dying_at(number):
        start(recipe, folder, exist="replace")
    copy = tmp_path / "again"
    shutil.copytree(folder, copy)
    result = resume(folder)
    if number <= 10:  # the old run is there, whole, and nothing of it was trained again
        assert result == done[1]
        names = {path.name for path in done[0].rglob("*")}
        assert {path.name for path in folder.rglob("*")} == names
    else:
        assert [row["cell"] for row in result["rows"]] == ["teacher", "student"]
    assert len(start(recipe, copy, exist="replace")["rows"]) == 2
    assert not list(folder.rglob(".*")) and not list(copy.rglob(".*"))


def test_a_cell_and_a_run_whose_manifest_an_earlier_version_did_not_write(
    tmp_path: Path, trained: list[str]
) -> None:
    folder, recipe = tmp_path / "run", SMALLEST
    with dying_at(14):  # when the student's cell has its recipe and its manifest
        start(recipe, folder)
    for name in ("manifest.json", "cells/student/manifest.json"):
        (folder / name).unlink()
    trained.clear()
    resume(folder)
    assert trained == ["student"]
    made = json.loads((folder / "manifest.json").read_text())
    assert made["data"] == json.loads((folder / "cells/teacher/manifest.json").read_text())["data"]
