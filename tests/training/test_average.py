"""The moving average of the weights."""

import torch
from torch import nn

from spikedistill.training.average import Average


def test_the_average_follows_its_recursion_and_is_applied_for_a_while():
    module = nn.Linear(1, 1, bias=False)
    module.weight.data.fill_(1.0)
    average = Average(module, decay=0.75)
    for value in (2.0, 4.0):
        module.weight.data.fill_(value)
        average.update()
    expected = 0.75 * (0.75 * 1 + 0.25 * 2) + 0.25 * 4
    with average.applied():
        assert module.weight.item() == expected
    assert module.weight.item() == 4.0


def test_counts_are_copied():
    module = nn.BatchNorm1d(2)
    average = Average(module, decay=0.9)
    module(torch.randn(4, 2))
    average.update()
    assert average.state["num_batches_tracked"] == 1
