from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any


def test_the_methods_of_a_run_once_each(spike: Any, finished: Path) -> None:
    keys = re.findall(r"^@\w+\{(.*),$", spike("cite", finished).out, re.MULTILINE)
    assert keys == ["hinton2015distilling", "hong2025sastc", "deng2022tet"]
    found = json.loads(spike("cite", finished, "--json").out)
    assert [one["year"] for one in found] == [2015, 2025, 2022]
