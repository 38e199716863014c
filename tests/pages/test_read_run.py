"""Finished, unfinished and damaged run folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.pages.read_run import read_run


def test_a_finished_run(make_run: Callable[..., Path]) -> None:
    run = read_run(make_run())
    assert run.finished and run.missing == () and run.name == "toy"
    assert run.planned == ("cross_entropy", "student")
    assert run.main is not None and run.main.curve == [88.0, 92.5]
    assert run.teacher is not None and run.teacher.network == "teacher"
    assert [len(rows) for rows in run.histories.values()] == [3, 3]
    assert run.histories["student"][1] == {"epoch": 2, "losses": {"cross_entropy": 1.0},
                                           "valid": 60.0}  # fmt: skip


def test_a_run_of_an_earlier_version_that_knew_nothing_but_accuracy(
    make_run: Callable[..., Path],
) -> None:
    folder = make_run()
    now = read_run(folder)
    for path in (folder / "result.json", folder / "teachers.json", *folder.glob("cells/*/result*")):
        path.write_text(json.dumps(earlier(json.loads(path.read_text()))))
    for path in folder.glob("cells/*/metrics.jsonl"):
        lines = [earlier(json.loads(line)) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert '"scores"' not in "".join(path.read_text() for path in folder.glob("**/*.json*"))
    then = read_run(folder)
    assert then.missing == () and then.rows == now.rows and then.histories == now.histories
    for file in ("result.json", "cells/student/result.json"):  # one after the other is gone
        (folder / file).unlink()
        assert [row.curve for row in read_run(folder).rows] == [
            row.curve for row in now.rows if file == "result.json" or row.cell != "student"
        ]


def earlier(found: Any) -> Any:
    """The same JSON as it was written when there were no metrics but accuracy."""
    if isinstance(found, list):
        return [earlier(one) for one in found]
    if not isinstance(found, dict):
        return found
    new = {"metric", "unit", "higher_is_better", "scores", "file", "notes"}
    accuracy = {"accuracy": found["scores"]["accuracy"]} if "scores" in found else {}
    return {key: earlier(one) for key, one in found.items() if key not in new} | accuracy


def test_its_name_says_seed_and_folder(make_run: Callable[..., Path]) -> None:
    assert read_run(make_run("toy-seed3", seed=3)).name == "toy, seed 3"
    assert read_run(make_run("other")).name == "toy (other)"


def test_an_unfinished_run(make_run: Callable[..., Path]) -> None:
    folder = make_run()
    (folder / "result.json").unlink()
    (folder / "cells/student/result.json").unlink()
    run = read_run(folder)
    assert not run.finished and run.main is None
    assert [row.cell for row in run.rows] == [None, "cross_entropy"]
    assert "student has no result yet" in run.missing[0]
    assert f"spikedistill resume {folder}" in run.missing[0]


def test_a_run_that_has_only_begun(make_run: Callable[..., Path]) -> None:
    folder = make_run()
    for path in (folder / "result.json", folder / "teachers.json", folder / "manifest.json",
                 *folder.glob("cells/*/*")):  # fmt: skip
        path.unlink()
    run = read_run(folder)
    assert run.rows == [] and "cross_entropy, student have no result yet" in run.missing[0]
    assert not any("metrics.jsonl" in text for text in run.missing)  # there are none to expect


def test_damaged_files_are_named_and_left_out(make_run: Callable[..., Path]) -> None:
    folder = make_run()
    (folder / "result.json").write_text("{")
    (folder / "cells/student/metrics.jsonl").write_text(
        '{"epoch": 1, "losses": {}, "valid": null}\n{"epo'
    )
    (folder / "manifest.json").write_text("[]")
    run = read_run(folder)
    assert [row.cell for row in run.rows] == [None, "cross_entropy", "student"]  # from the cells
    assert len(run.histories["student"]) == 1 and run.manifest == {}
    assert [name in text for name, text in zip(("result.json", "metrics.jsonl"), run.missing,
                                               strict=True)] == [True, True]  # fmt: skip


def test_files_that_are_gone_are_named(make_run: Callable[..., Path]) -> None:
    folder = make_run()
    assert read_run(folder).missing == ()
    (folder / "cells/student/metrics.jsonl").unlink()
    (folder / "manifest.json").unlink()
    manifest, metrics = read_run(folder).missing
    assert "manifest.json is not there: when and where" in manifest
    assert "metrics.jsonl is not there: the curves of student" in metrics


def test_a_damaged_row(make_run: Callable[..., Path]) -> None:
    folder = make_run()
    (folder / "result.json").write_text('{"rows": [{"cell": "student"}, 7]}')
    run = read_run(folder)
    assert len([text for text in run.missing if "is damaged" in text]) == 2


def test_no_run(make_run: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(SpikedistillError, match="nothing does not exist"):
        read_run(tmp_path / "nothing")
    with pytest.raises(SpikedistillError, match=r"has no config\.yaml"):
        read_run(tmp_path)
    folder = make_run()
    for text in ("{", "[1, 2]", "!!python/object/apply:os.getcwd []"):
        (folder / "config.yaml").write_text(text)
        with pytest.raises(SpikedistillError, match="is damaged, so the run cannot be told"):
            read_run(folder)


def test_a_training_never_leads_out_of_the_folder(make_run: Callable[..., Path]) -> None:
    phases = [{"name": "../../secret", "roles": {}}, {"name": "..", "roles": {}}]
    assert read_run(make_run(phases=phases)).planned == ()
