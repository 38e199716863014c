"""What every test gets: one thread, fixed seeds, the type checks of its pass, and its data."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

TYPE_CHECKED = os.environ.get("SPIKEDISTILL_TYPECHECK") == "1"

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
if TYPE_CHECKED:
    # Every signature is checked as it is called. Dynamo cannot trace through those checks, hence
    # the two passes; the hook must come before the first import of the package.
    os.environ["SPIKEDISTILL_COMPILE"] = "0"
    from jaxtyping import install_import_hook

    install_import_hook("spikedistill", "beartype.beartype")

import numpy as np  # noqa: E402
import torch  # noqa: E402


def _data() -> Path | None:
    folder = os.environ.get("SPIKEDISTILL_DATA")
    return Path(folder) if folder and Path(folder).is_dir() else None


def _compiler() -> bool:
    return any(shutil.which(name) for name in (os.environ.get("CXX"), "g++", "clang++") if name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what cannot run here."""
    skips = {}
    if _data() is None:
        skips["data"] = "no data: set SPIKEDISTILL_DATA (see README)"
    if TYPE_CHECKED:
        skips["compiled"] = "compiled tests run in the pass without run-time type checks"
    elif not _compiler():
        skips["compiled"] = "no C++ compiler for torch.compile (g++ or clang++)"
    for item in items:
        for name, reason in skips.items():
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def _repeatable() -> None:
    """The same random numbers and one thread in every test, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets; a test that asks for it is marked `data`."""
    folder = _data()
    if folder is None:
        pytest.skip("no data: set SPIKEDISTILL_DATA (see README)")
    return folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `shared` beside the checkout: reference cases that are not part of the project."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"no reference cases: there is no folder {folder}")
    return folder
