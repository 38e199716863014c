from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spikedistill.pages.examined import Examined, read_examined

FACTS = {"weights": "abc", "accuracy": [1.5]}


def written(folder: Path) -> Examined:
    look = Examined(dict(FACTS), {"maps of stage1": np.arange(6.0).reshape(2, 3)})
    look.write(folder, "net")
    return look


def test_there_and_back(tmp_path: Path) -> None:
    look = written(tmp_path / "deep/er")
    found = read_examined(tmp_path / "deep/er", "net", {"weights": "abc"})
    assert found is not None and found.facts.items() >= FACTS.items()
    assert np.array_equal(found.arrays["maps of stage1"], look.arrays["maps of stage1"])
    assert sorted(path.name for path in (tmp_path / "deep/er").iterdir()) == ["net.json", "net.npz"]


def test_of_other_weights_or_of_another_version(tmp_path: Path) -> None:
    written(tmp_path)
    assert read_examined(tmp_path, "net", {"weights": "new"}) is None
    facts = json.loads((tmp_path / "net.json").read_text())
    (tmp_path / "net.json").write_text(json.dumps(facts | {"version": 0}))
    assert read_examined(tmp_path, "net", {"weights": "abc"}) is None


@pytest.mark.parametrize("file", ["net.json", "net.npz"])
@pytest.mark.parametrize("damage", [None, b"", b"[1]", b"PK nonsense"])
def test_a_pair_that_is_not_whole_is_absent(
    tmp_path: Path, file: str, damage: bytes | None
) -> None:
    written(tmp_path)
    if damage is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(damage)
    assert read_examined(tmp_path, "net", {}) is None


def test_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pickle"):
        Examined({}, {"x": np.array([{}], dtype=object)}).write(tmp_path, "net")
