"""Whatever ends a process that makes or replaces a run: one of the two runs is there, whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.training.replaced import ASIDE, is_cut_short, mend, set_aside
from spikedistill.training.run_folder import RunFolder

RECIPE = dict.fromkeys(("description", "seed", "data", "augment", "encoder", "networks", "phases"))


class Died(BaseException):
    """The process is gone: nobody catches this."""


@contextmanager
def dying_at(number: int) -> Iterator[list[Path]]:
    """A process that ends before its renaming number `number` and leaves the disk as it is then."""
    targets: list[Path] = []

    def is_dead() -> bool:
        return len(targets) >= number

    def rename(source: Any, target: Any) -> None:
        targets.append(Path(target))
        if is_dead():
            raise Died
        real(source, target)

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if not is_dead():
            removed(path, missing_ok)

    real, removed = os.replace, Path.unlink
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", rename)
        patch.setattr(Path, "unlink", unlink)
        yield targets


def recipe(name: str) -> dict[str, Any]:
    return {"name": name, **RECIPE}


def old_run(path: Path) -> RunFolder:
    folder = RunFolder(path)
    folder.create(recipe("old"), {"seed": 1})
    folder.cell("a").create(recipe("old") | {"cell": "a"}, {"seed": 1})
    folder.cell("a").write_json("result.json", {"accuracy": 1})
    return folder


def left(path: Path) -> set[str]:
    return {str(one.relative_to(path)) for one in path.rglob("*") if one.is_file()}


def deaths(act: Any) -> Iterator[int]:
    """Every renaming of an action at which a process may end; the caller looks at what is left."""
    for number in count(1):
        with dying_at(number) as targets:
            try:
                act()
            except Died:
                pass
            else:
                return
        yield len(targets)


def test_a_run_that_did_not_come_to_be_is_no_run_and_is_made_again(tmp_path: Path) -> None:
    seen = 0
    for number in deaths(lambda: RunFolder(tmp_path / "run").create(recipe("new"), {"seed": 2})):
        seen = number
        folder = RunFolder(tmp_path / "run")
        with pytest.raises(SpikedistillError, match="is not a run folder"):
            folder.config()
        for replace in (False, True):
            again = RunFolder(tmp_path / f"again{replace}")
            shutil.copytree(folder.path, again.path)
            again.create(recipe("new"), {"seed": 2}, replace=replace)
            assert left(again.path) == {"config.yaml", "manifest.json"}
            shutil.rmtree(again.path)
        shutil.rmtree(folder.path)
    assert seen == 2


def test_while_a_run_is_replaced_one_of_the_two_is_there(tmp_path: Path) -> None:
    path, names = tmp_path / "run", set()

    def replace() -> None:
        shutil.rmtree(path, ignore_errors=True)
        old_run(path)
        before.update(left(path))
        RunFolder(path).create(recipe("new"), {"seed": 2}, replace=True)

    before: set[str] = set()
    for _ in deaths(replace):
        if not before:  # it died while the old one was made
            continue
        folder = RunFolder(path)
        if is_cut_short(path):
            with pytest.raises(SpikedistillError, match=r"set aside .* `spikedistill resume"):
                folder.config()
        folder.mend()
        names.add(folder.config()["name"])
        manifest = {"seed": 1 if folder.config()["name"] == "old" else 2}
        assert folder.manifest() == manifest
        assert left(path) == before
        assert folder.cell("a").result() == {"accuracy": 1}
        folder.create(recipe("newer"), {"seed": 3}, replace=True)
        assert left(path) == {"config.yaml", "manifest.json"}
        before.clear()
    assert names == {"old"}
    assert left(path) == {"config.yaml", "manifest.json"}


def test_the_old_run_goes_when_the_new_one_is_there(tmp_path: Path) -> None:
    folder = old_run(tmp_path)
    set_aside(folder.path)
    folder.write_json("manifest.json", {"seed": 2})
    folder.write_yaml("config.yaml", recipe("new"))
    (tmp_path / ASIDE / "config.yaml").unlink()  # it died while it threw the old one away
    folder.mend()
    assert folder.config()["name"] == "new"
    assert left(tmp_path) == {"config.yaml", "manifest.json"}


def test_while_a_run_is_put_back_nothing_of_it_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "run"
    before = left(old_run(path).path)

    def put_back() -> None:
        set_aside(path)
        RunFolder(path).write_json("manifest.json", {"seed": 2})
        RunFolder(path).mend()

    for _ in deaths(put_back):
        RunFolder(path).mend()
        assert left(path) == before and RunFolder(path).manifest() == {"seed": 1}


def test_half_written_files_of_a_run_are_taken_away_and_no_others(tmp_path: Path) -> None:
    old_run(tmp_path)
    mine = [".config.yaml.4711.part", "cells/a/.checkpoint.pt.1.part", "examined/.x.pt.2.part"]
    foreign = [".films.part", ".thesis.txt.3.part", "cells/a/config.yaml.4.part"]
    for name in (*mine, *foreign):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("half")
    mend(tmp_path)
    assert [name for name in (*mine, *foreign) if (tmp_path / name).exists()] == foreign


@pytest.mark.parametrize("replace", [False, True])
def test_a_recipe_alone_as_earlier_versions_could_leave_it(tmp_path: Path, replace: bool) -> None:
    folder = RunFolder(tmp_path)
    folder.write_yaml("config.yaml", recipe("old"))
    (tmp_path / "thesis.txt").write_text("years of work")
    if not replace:
        folder.create(recipe("new"), {"seed": 2})
        assert folder.config()["name"] == "new" and (tmp_path / "thesis.txt").exists()
        return
    (tmp_path / "thesis.txt").unlink()
    (tmp_path / "cells").mkdir()
    with pytest.raises(SpikedistillError, match="already holds a run"):
        folder.create(recipe("new"), {"seed": 2})
    folder.create(recipe("new"), {"seed": 2}, replace=True)
    assert left(tmp_path) == {"config.yaml", "manifest.json"}


def test_a_recipe_that_a_person_wrote_is_never_taken_for_a_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_yaml("config.yaml", recipe("mine"))
    text = "# mine\n" + (tmp_path / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(text)
    for replace in (False, True):
        with pytest.raises(SpikedistillError, match=r"a config\.yaml that no run wrote"):
            folder.create(recipe("new"), {}, replace=replace)
    with pytest.raises(SpikedistillError, match=r"a config\.yaml that no run wrote"):
        folder.make_manifest_again({"data": {}})
    assert (tmp_path / "config.yaml").read_text() == text


def test_a_manifest_that_is_missing_is_made_where_the_data_are_the_same(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_yaml("config.yaml", recipe("old"))
    folder.cell("a").create(recipe("old"), {"data": {"train": "md5:1"}})
    with pytest.raises(SpikedistillError, match="its data have changed"):
        folder.make_manifest_again({"data": {"train": "md5:2"}})
    folder.make_manifest_again({"data": {"train": "md5:1"}})
    assert folder.manifest() == {"data": {"train": "md5:1"}}


def test_a_folder_that_is_a_link_stays_one(tmp_path: Path) -> None:
    old_run(tmp_path / "large disk" / "run")
    link = tmp_path / "run"
    link.symlink_to(tmp_path / "large disk" / "run")
    RunFolder(link).create(recipe("new"), {"seed": 2}, replace=True)
    assert link.is_symlink() and RunFolder(tmp_path / "large disk/run").manifest() == {"seed": 2}
