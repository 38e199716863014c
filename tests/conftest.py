"""What every test gets: one thread, fixed seeds, the type checks of its pass, and its data."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

TYPE_CHECKED = os.environ.get("SPIKEDISTILL_TYPECHECK") == "1"

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")


def _install_type_checks() -> None:
    """Check every signature of the package as it is called; before its first import.

    An int is a float here, as for every static checker. A hint that cannot be checked at run time
    (`Self`, a plain protocol) leaves its function unchecked instead of stopping the import.
    """
    from beartype import BeartypeConf, beartype
    from beartype.roar import BeartypeDecorHintException
    from jaxtyping import install_import_hook

    decorate = beartype(conf=BeartypeConf(is_pep484_tower=True))

    def checked(function: Any) -> Any:
        try:
            return decorate(function)
        except BeartypeDecorHintException:
            return function

    sys.modules["_type_checks"] = SimpleNamespace(checked=checked)  # the hook imports it by name
    install_import_hook("spikedistill", "_type_checks.checked")


def _trace_unchecked(trace: Callable[..., Any]) -> Callable[..., Any]:
    """`trace` of torch.fx without the checks: its proxies stand for tensors and are none."""
    from jaxtyping import config

    def traced(*args: Any, **options: Any) -> Any:
        before = config.jaxtyping_disable
        config.update("jaxtyping_disable", True)
        try:
            return trace(*args, **options)
        finally:
            config.update("jaxtyping_disable", before)

    return traced


if TYPE_CHECKED:
    # Dynamo cannot trace through the checks, hence two passes.
    os.environ["SPIKEDISTILL_COMPILE"] = "0"
    _install_type_checks()

import numpy as np  # noqa: E402
import torch  # noqa: E402

if TYPE_CHECKED:
    torch.fx.Tracer.trace = _trace_unchecked(torch.fx.Tracer.trace)


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
        skips["compiled"] = skips["wrong_types"] = "runs in the pass without run-time type checks"
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
