from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest


def findings(spike: Any, *arguments: object) -> dict[str, dict[str, Any]]:
    rows = json.loads(spike("doctor", *arguments, "--json").out)
    return {row["what"]: row for row in rows}


def test_what_is_installed_and_where_data_lie(spike: Any, tmp_path: Path) -> None:
    from spikedistill.data.fashion_mnist import FORM

    folder = tmp_path / FORM.folder
    folder.mkdir(parents=True)
    for file in FORM.files:
        (folder / file.name).touch()
    found = findings(spike, "--data-dir", tmp_path)
    assert found["torch"]["found"] == version("torch")
    assert found["data folder"]["found"] == str(tmp_path)
    assert found["data: fashion-mnist"] == {
        "what": "data: fashion-mnist", "found": str(folder), "good": True, "remedy": "",
    }  # fmt: skip
    assert found["data: cifar10"]["found"] == "not found"
    assert found["data: digits"]["good"]
    assert "precision auto means" in found["bf16"]["found"]


def test_what_is_missing_has_the_line_that_brings_it(
    spike: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(
        "spikedistill.cli.doctor.requires", lambda _: ["torch>=2.6", "no-such-package>=1"]
    )
    found = findings(spike)
    assert not found["C++ compiler"]["good"]
    assert found["C++ compiler"]["remedy"] in ("sudo apt-get install g++", "xcode-select --install")
    assert found["no-such-package"]["remedy"] == "pip install 'no-such-package>=1'"
