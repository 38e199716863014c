"""Sums over an epoch."""

import pytest
import torch

from spikedistill.core.trace import Batch
from spikedistill.training import meter


def test_means_weigh_batches_by_their_size():
    sums: dict[str, float] = {}
    outputs = torch.eye(3).expand(2, 3, 3)
    meter.add(sums, Batch(torch.zeros(3, 1), torch.tensor([0, 1, 0])), {"ce": torch.tensor(1.0)},
              outputs)  # fmt: skip
    meter.add(sums, Batch(torch.zeros(1, 1), torch.tensor([0])), {"ce": torch.tensor(5.0)},
              outputs[:, :1])  # fmt: skip
    assert meter.losses(sums) == {"ce": 2.0}
    assert meter.accuracy(sums) == pytest.approx(75.0)


def test_soft_targets_count_by_their_largest_class():
    sums: dict[str, float] = {}
    soft = torch.tensor([[0.1, 0.9], [0.8, 0.2]])
    meter.add(sums, Batch(torch.zeros(2, 1), soft), {}, torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]))
    assert meter.accuracy(sums) == pytest.approx(50.0)


def test_the_faulty_term_is_named():
    good, bad = torch.tensor(1.0), torch.tensor(float("nan"))
    assert meter.blame(good, {"ce": good}) is None
    assert meter.blame(bad, {"ce": good, "sastc": bad}) == "the term 'sastc' became nan"
    assert meter.blame(torch.tensor(torch.inf), {"ce": good}) == (
        "the weighted sum of all terms became inf"
    )
