"""Grids are tried with eager neurons: compiling them is tested elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spikedistill.functional.compiled import compiling


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    with compiling(False):
        yield
