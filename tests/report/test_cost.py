from __future__ import annotations

import pytest

from spikedistill.report.cost import energy_of_row, energy_pj


def test_by_hand() -> None:
    assert energy_pj(1000, 2000) == pytest.approx(4600 + 1800)
    assert energy_of_row({"multiplications": 10.0, "synops": None}) == pytest.approx(46.0)
    assert energy_of_row({"multiplications": 10.0, "synops": 5.0}) == pytest.approx(50.5)
    assert energy_of_row({"multiplications": None, "synops": None}) is None
