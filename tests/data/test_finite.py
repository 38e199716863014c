"""Which inputs are numbers."""

from __future__ import annotations

import torch

from spikedistill.data import first_broken
from spikedistill.data._finite import finite

HOLE = torch.tensor([[1.0, 2.0], [3.0, torch.nan], [torch.inf, 0.0]])


def test_the_first_sample_that_is_broken() -> None:
    assert first_broken(HOLE) == 1 and first_broken(HOLE[[0, 2]]) == 1
    assert first_broken(HOLE[:1]) is None and first_broken(torch.ones(2, dtype=torch.int64)) is None
    assert first_broken({"a": torch.zeros(3), "b": HOLE}) == 1
    assert first_broken({"mask": HOLE[[0, 2]]}) is None  # a mask that is added to scores


def test_one_of_several_may_be_infinite() -> None:
    assert not finite(HOLE[2]) and finite(HOLE[2], named=True) and not finite(HOLE[1], named=True)
