"""What lies in class folders, and what is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikedistill.data._class_folders import class_names, hidden, list_folder, loose, suffixes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "cat/b.JPG", "cat/a.png", "cat/deep/c.png", "cat/notes.txt", "cat/LICENSE", "cat/._a.png",
        "cat/.DS_Store", "cat/Thumbs.db", "cat/@eaDir/a.png", "cat/.ipynb_checkpoints/a.png",
        "__MACOSX/cat/a.png", ".cache/a.png", "dog/x.png", "list.csv", ".hidden",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_files_at_any_depth_without_hidden_ones(folder: Path) -> None:
    found = list_folder(folder / "cat", {".jpg", ".png"})
    names = [path.relative_to(folder / "cat").as_posix() for path in found.wanted]
    assert names == ["a.png", "b.JPG", "deep/c.png"]
    assert [path.name for path in found.others] == ["LICENSE", "notes.txt"]
    assert found.says == "2 files: LICENSE, .txt"
    assert list_folder(folder / "none", {".png"}).says == "empty"


def test_links_are_followed_once(folder: Path) -> None:
    (folder / "cat/more").symlink_to(folder / "dog")
    (folder / "cat/back").symlink_to(folder / "cat")
    (folder / "cat/one.png").symlink_to(folder / "dog/x.png")
    found = [path.name for path in list_folder(folder / "cat", {".png"}).wanted]
    assert sorted(found) == ["a.png", "c.png", "one.png", "x.png"]


def test_classes_and_loose_files(folder: Path) -> None:
    assert class_names(folder) == ("cat", "dog") and class_names(folder / "none") == ()
    assert [path.name for path in loose(folder)] == ["list.csv"]
    assert hidden("THUMBS.DB") and not hidden("thumbs.db.png")


def test_endings_by_how_many_there_are() -> None:
    names = ["a.txt", "b.HEIC", "c.heic", "README"]
    assert suffixes([Path(name) for name in names]) == ".heic, .txt, README"
    assert suffixes([Path(name) for name in names], most=1) == ".heic, ..."
