from __future__ import annotations

from pathlib import Path
from typing import Any


def test_a_page(spike: Any, finished: Path, tmp_path: Path) -> None:
    done = spike("report", finished, "--out", tmp_path / "page.html", "--no-data")
    assert done.code == 0 and done.out.strip() == str(tmp_path / "page.html")
    assert "note: Without data nothing new was measured" in done.err
    assert "digits-sastc" in (tmp_path / "page.html").read_text("utf-8")


def test_a_missing_run(spike: Any, finished: Path, tmp_path: Path) -> None:
    done = spike("report", tmp_path / "gone")
    assert done.code == 1 and done.out == ""
    assert done.err.startswith("Error: ") and "gone does not exist" in done.err
    page = tmp_path / "page.html"
    done = spike("report", finished, tmp_path / "gone", "--out", page, "--no-data")
    assert done.code == 1 and page.exists() and "Error: " in done.err
