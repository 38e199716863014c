from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from spikedistill import report
from spikedistill.analysis.write_report import write_report
from spikedistill.core.errors import SpikedistillError
from spikedistill.functional.compiled import compiling
from spikedistill.recipes import files
from spikedistill.runs.start import start

QUICK = ["training.epochs=1", "data.train_limit=64", "training.batch_size=32",
         "phases.student.compare={}"]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "digits-sastc"
    with compiling(False):
        start(files.load("digits-sastc", QUICK), folder)
    return folder


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "digits-sastc")


def test_the_page_of_a_real_run(run: Path) -> None:
    written = write_report([run])
    assert written.path == run / "report.html" and written.lost == written.missing == ()
    text = written.path.read_text("utf-8")
    for heading in ("Attention", "Where the networks look", "Firing", "Energy by layer",
                    "Confusion", "Mistakes"):  # fmt: skip
        assert f"<h3>{heading}</h3>" in text
    for key in ("hong2025sastc", "hinton2015distilling", "kim2021visual", "horowitz2014computing"):
        assert f"{{{key}," in text
    assert len(text) < 1_000_000
    assert not list(run.glob(".*.part"))


def test_a_report_of_nothing() -> None:
    with pytest.raises(SpikedistillError, match="a report is of at least one run"):
        report([])


def test_the_page_is_about_the_task_of_the_last_training(run: Path) -> None:
    """The teacher learned a task of its own, whose sections are others."""
    write_report([run])
    path = run / "examined/cells/teacher.json"
    facts = json.loads(path.read_text())
    del facts["mistakes"]
    path.write_text(json.dumps(facts | {"task": "sequence_classification"}))
    written = write_report([run], use_data=False)
    assert written.missing == ()
    text = written.path.read_text("utf-8")
    assert "<h3>Mistakes</h3>" in text and "per image" in text and "per sequence" not in text


def test_without_data_it_says_so(run: Path) -> None:
    written = write_report([run], use_data=False)
    text = written.path.read_text("utf-8")
    assert "Without data nothing new was measured of teacher, student." in written.missing
    assert written.missing[0] in text and "<h3>Confusion</h3>" not in text
    assert "<h3>Results</h3>" in text


def test_several_runs_and_one_that_is_gone(run: Path, tmp_path: Path) -> None:
    other = shutil.copytree(run, tmp_path / "other")
    written = write_report([run, tmp_path / "gone", other], use_data=False)
    assert written.path == tmp_path / "report.html"
    assert len(written.lost) == 1 and "gone does not exist" in written.lost[0]
    text = written.path.read_text("utf-8")
    assert (
        "All runs together" in text and "digits-sastc (other)" in text and written.lost[0] in text
    )


def test_a_recipe_that_is_no_longer_read(run: Path) -> None:
    config = (run / "config.yaml").read_text().replace("encoder: direct", "encoder: morse")
    (run / "config.yaml").write_text(config)
    written = write_report([run])
    assert "The networks could not be run" in written.missing[0] and "morse" in written.missing[0]
    assert "<h3>Results</h3>" in written.path.read_text("utf-8")


def test_what_cannot_be_written(run: Path, tmp_path: Path) -> None:
    with pytest.raises(SpikedistillError, match="gone does not exist"):
        write_report([tmp_path / "gone"])
    (tmp_path / "file").write_text("")
    with pytest.raises(SpikedistillError, match="choose another --out"):
        write_report([run], out=tmp_path / "file" / "page.html", use_data=False)


def test_the_inside_of_networks_from_python(from_python: Any, tmp_path: Path) -> None:
    folder = shutil.copytree(from_python.run, tmp_path / "python")
    words = report(folder)
    assert words.path == folder / "report.html"
    assert "spikedistill.report(run, network=..., data=...)" in words.missing[0]
    assert "<h3>Confusion</h3>" not in words.path.read_text("utf-8")
    written = report(folder, network=from_python.both, data=from_python.data)
    assert written.missing == written.lost == ()
    text = written.path.read_text("utf-8")
    for heading in ("Attention", "Where the networks look", "Firing", "Energy by layer",
                    "Confusion", "Mistakes"):  # fmt: skip
        assert f"<h3>{heading}</h3>" in text
    assert report(folder).missing == ()


def test_one_page_of_a_run_from_python_and_one_in_words(
    from_python: Any, run: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(from_python.run, tmp_path / "python")
    written = report(
        [folder, run], tmp_path / "both.html", network=from_python.both, data=from_python.data
    )
    assert written.missing == written.lost == ()
