"""A run with its networks looked at, as sections get it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spikedistill.pages.chapter import Chapter
from spikedistill.pages.read_run import read_run


@pytest.fixture
def told(make_run: Callable[..., Path], looks: dict[Any, Any]) -> Chapter:
    return Chapter(read_run(make_run()), looks)
