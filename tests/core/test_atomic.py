"""Files that appear whole or not at all."""

from pathlib import Path

import pytest

from spikedistill.core.atomic import put


def test_writes_under_another_name_and_makes_folders(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b.txt"
    seen: list[Path] = []

    def save(partial: Path) -> None:
        assert partial.parent == target.parent and partial != target and not target.exists()
        seen.append(partial)
        partial.write_text("whole")

    assert put(target, save) == target
    assert target.read_text() == "whole"
    assert not seen[0].exists()


def test_a_folder_is_not_written_over(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="is a folder, and a file should be written"):
        put(tmp_path, lambda path: None)


def test_a_failure_leaves_what_was_there_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "b.txt"
    target.write_text("before")

    def save(partial: Path) -> None:
        partial.write_text("half of")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        put(target, save)
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]
