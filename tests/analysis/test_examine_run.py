"""A look at a run: what is kept, what is taken again, and what is said where it cannot be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikedistill.analysis import examine_run as module
from spikedistill.analysis.examine_run import examine_run
from spikedistill.core.errors import SpikedistillError
from spikedistill.functional.compiled import compiling
from spikedistill.recipes import files
from spikedistill.runs.start import start
from spikedistill.training.progress import Silent

QUICK = ["training.epochs=1", "data.train_limit=64", "training.batch_size=32"]


class Heard(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, text: str) -> None:
        self.sentences.append(text)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A finished run, and what was found in it."""
    folder = tmp_path_factory.mktemp("runs") / "digits-sastc"
    with compiling(False):
        start(files.load("digits-sastc", QUICK), folder)
        return folder, examine_run(folder)


@pytest.fixture
def run(whole: tuple[Path, Any], tmp_path: Path) -> Path:
    return shutil.copytree(whole[0], tmp_path / "digits-sastc")


def test_every_network_is_looked_at(whole: tuple[Path, Any]) -> None:
    folder, looks = whole
    names = ("teacher", "cross_entropy", "logit_kd", "student")
    assert list(looks.found) == [("cells", name) for name in names] and looks.missing == []
    for name in names:
        result = module.RunFolder(folder).cell(name).result()
        facts = looks.found["cells", name].facts
        assert result is not None
        right = sum(count for true, answer, count in facts["confusion"] if true == answer)
        assert result["metric"] == "accuracy"
        assert 100 * right / 359 == pytest.approx(result["scores"]["accuracy"][-1])  # all of them
        assert facts["task"] == "image_classification" and "accuracy" not in facts
        assert facts["test_images"] == facts["images"] == 359
        pj = 4.6 * result["multiplications"] + 0.9 * (result["synops"] or 0)
        assert facts["energy_at"][-1][1] == pytest.approx(pj)


def test_the_attention_of_the_finished_run(whole: tuple[Path, Any]) -> None:
    (picture,) = whole[1].found["cells", "student"].facts["pictures"]
    assert (picture["loss"], picture["split"], picture["images"]) == ("sastc", "valid", 128)
    assert picture["learner"] == picture["guide"] == ["stage1", "stage2", "stage3"]
    values = whole[1].found["cells", "student"].arrays[picture["array"]]
    assert values.shape == (2, 3, 3) and np.allclose(values.sum(-1), 1, atol=1e-5)
    assert not np.allclose(values, 1 / 3, atol=1e-4)
    assert whole[1].found["cells", "logit_kd"].facts["pictures"] == []


def test_a_second_look_reads_what_was_kept(
    run: Path, whole: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Experiment", None)  # nothing may be built
    again = examine_run(run)
    assert again.missing == [] and list(again.found) == list(whole[1].found)
    for key, seen in whole[1].found.items():
        facts = dict(again.found[key].facts)
        assert {name: facts[name] for name in seen.facts} == seen.facts
        assert all(np.array_equal(again.found[key].arrays[n], v) for n, v in seen.arrays.items())


def test_only_what_changed_is_looked_at_again(run: Path) -> None:
    shutil.copy(run / "cells/cross_entropy/model.safetensors", run / "cells/logit_kd")
    (run / "examined/cells/teacher.npz").write_bytes(b"")
    heard = Heard()
    looks = examine_run(run, progress=heard)
    assert heard.sentences == ["looking at teacher", "looking at logit_kd"]
    a, b = (looks.found["cells", name].facts for name in ("cross_entropy", "logit_kd"))
    assert a["confusion"] == b["confusion"]


@pytest.mark.parametrize("gone", ["totals", "task", "confusion", "mistakes"])
def test_a_look_that_does_not_say_everything_is_taken_again(run: Path, gone: str) -> None:
    path = run / "examined/cells/teacher.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in facts.items() if key != gone}))
    heard = Heard()
    looks = examine_run(run, progress=heard)
    assert heard.sentences == ["looking at teacher"]
    assert gone in looks.found["cells", "teacher"].facts


def test_a_network_that_is_gone_is_named(run: Path) -> None:
    (run / "cells/student/model.safetensors").unlink()
    shutil.rmtree(run / "examined")
    looks = examine_run(run)
    assert [name for _, name in looks.found] == ["teacher", "cross_entropy", "logit_kd"]
    (said,) = looks.missing
    assert "cells/student/model.safetensors is not there" in said


def test_without_data(run: Path) -> None:
    shutil.rmtree(run / "examined/cells")
    looks = examine_run(run, use_data=False)
    assert (
        looks.found == {} and "Without data nothing new was measured of teacher" in looks.missing[0]
    )


def test_data_that_are_gone(run: Path, tmp_path: Path) -> None:
    shutil.rmtree(run / "examined")
    config = (
        (run / "config.yaml").read_text().replace("name: digits\n  valid", "name: mnist\n  valid")
    )
    (run / "config.yaml").write_text(config)
    looks = examine_run(run, data_dir=tmp_path / "nowhere")
    assert looks.found == {} and "The networks could not be run" in looks.missing[0]


def test_an_unfinished_run_shows_what_is_finished(run: Path) -> None:
    shutil.rmtree(run / "examined")
    (run / "cells/student/result.json").unlink()
    (run / "cells/logit_kd/result.json").unlink()
    looks = examine_run(run)
    assert [name for _, name in looks.found] == ["teacher", "cross_entropy"] and not looks.missing


def test_damaged_weights_of_one_training(run: Path) -> None:
    shutil.rmtree(run / "examined")
    (run / "cells/cross_entropy/model.safetensors").write_bytes(b"nothing")
    (run / "cells/student/objective.safetensors").write_bytes(b"nothing")
    looks = examine_run(run)
    assert [name for _, name in looks.found] == ["teacher", "logit_kd", "student"]
    assert looks.found["cells", "student"].facts["pictures"] == []
    assert [text.split(":")[0] for text in looks.missing] == ["cross_entropy", "student"]


def test_nothing_is_looked_at_that_builds_on_weights_that_are_damaged(run: Path) -> None:
    shutil.rmtree(run / "examined")
    (run / "cells/teacher/model.safetensors").write_bytes(b"nothing")
    looks = examine_run(run)
    assert looks.found == {} and looks.missing[0].startswith("teacher: ")
    assert looks.missing[1].startswith("cross_entropy, logit_kd, student: left out")


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(SpikedistillError, match="is not a run folder"):
        examine_run(tmp_path)
