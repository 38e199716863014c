"""The mean absolute error, by hand."""

import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.trace import Batch, Trace
from spikedistill.metrics.error import Error


def test_by_hand() -> None:
    metric = Error()
    outputs = torch.tensor([[[1.0, 2.0]], [[3.0, 2.0]]])  # T = 2, B = 1: answers 2 and 2
    metric.update(Trace(outputs), Batch(torch.zeros(1, 1), torch.tensor([[0.0, 5.0]])))
    assert metric.value() == pytest.approx(2.5)
    assert not Error.higher_is_better


def test_padded_positions_do_not_count() -> None:
    metric = Error()
    outputs, targets = torch.zeros(1, 2, 3), torch.tensor([[1.0, 9.0, 9.0], [3.0, 5.0, 9.0]])
    mask = torch.tensor([[1, 0, 0], [1, 1, 0]]).bool()
    metric.update(Trace(outputs), Batch(torch.zeros(2, 3), targets, mask=mask))
    assert metric.value() == pytest.approx(3.0)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(SpikedistillError, match=r"answers \[2, 3\] against.*these are \[2\]"):
        Error().update(Trace(torch.zeros(1, 2, 3)), Batch(torch.zeros(2, 1), torch.zeros(2)))
