"""Which warnings of libraries a user of the command line is spared, and that no others are."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from spikedistill.cli._warnings import keep_library_warnings


def heard(act: Any) -> list[str]:
    """What was warned of, with the filters of the command line on top of Python's."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        keep_library_warnings()
        act()
    return [str(one.message) for one in caught]


@pytest.fixture(autouse=True)
def _as_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "warnoptions", [])
    monkeypatch.setenv("SPIKEDISTILL_DEBUG", "0")


def test_what_libraries_say_is_kept_from_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "w.pth", pickle_protocol=4)

    def load() -> None:
        DataLoader([1, 2], num_workers=5000)  # type: ignore[arg-type]
        try:
            torch.load(tmp_path / "w.pth", weights_only=True)
        except Exception:
            pass
        warnings.warn("`torch.jit.script_method` is deprecated.", DeprecationWarning, stacklevel=1)

    assert heard(load) == []
    monkeypatch.setattr(sys, "warnoptions", ["default"])
    assert len(heard(load)) == 3
    monkeypatch.setattr(sys, "warnoptions", [])
    monkeypatch.setenv("SPIKEDISTILL_DEBUG", "1")
    assert len(heard(load)) == 3


def test_other_warnings_are_shown() -> None:
    def warn() -> None:
        warnings.warn("This DataLoader is on fire", UserWarning, stacklevel=1)

    assert heard(warn) == ["This DataLoader is on fire"]


def test_the_library_alone_hides_nothing() -> None:
    code = (
        "import warnings, spikedistill, spikedistill.cli; spikedistill.distill; "
        "print(any('DataLoader' in str(one) for one in warnings.filters))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
