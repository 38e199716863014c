from __future__ import annotations

from spikedistill.data._files import data_root


def test_the_argument_wins_over_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKEDISTILL_DATA", str(tmp_path / "variable"))
    assert data_root(tmp_path / "argument") == tmp_path / "argument"
    assert data_root() == tmp_path / "variable"


def test_the_last_resort_is_data_here(tmp_path, monkeypatch):
    monkeypatch.delenv("SPIKEDISTILL_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert data_root() == tmp_path / "data"
