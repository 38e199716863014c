"""Accuracy after every number of steps."""

import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.metrics.accuracy import AccuracyOverTime, accuracies, right_answers


def test_by_hand() -> None:
    # sample 0 is right at once and wrong after 2 steps; sample 1 the other way round
    outputs = torch.tensor([[[2.0, 0.0], [2.0, 0.0]], [[0.0, 3.0], [0.0, 3.0]]])
    assert right_answers(outputs, torch.tensor([0, 1])).tolist() == [[1, 0], [0, 1]]
    assert accuracies(outputs, torch.tensor([1, 1])) == [0.0, 1.0]


@pytest.mark.parametrize("top", [1, 3])
def test_against_plain_loops(top: int) -> None:
    T, B, K = 4, 50, 6
    outputs, targets = torch.randn(T, B, K), torch.randint(K, (B,))
    expected = []
    for stop in range(1, T + 1):
        right = 0
        for b in range(B):
            mean = [sum(float(outputs[t, b, k]) for t in range(stop)) / stop for k in range(K)]
            best = sorted(range(K), key=lambda k: -mean[k])[:top]
            right += int(targets[b]) in best
        expected.append(right / B)
    assert accuracies(outputs, targets, top) == pytest.approx(expected)


def test_batches_of_unequal_size_weigh_by_their_size() -> None:
    outputs, targets = torch.randn(3, 10, 4), torch.randint(4, (10,))
    meter = AccuracyOverTime()
    meter.update(outputs[:, :7], targets[:7])
    meter.update(outputs[:, 7:], targets[7:])
    assert meter.count == 10 and meter.shares == accuracies(outputs, targets)


def test_probabilities_and_masked_positions() -> None:
    outputs = torch.eye(3).expand(1, 2, 3, 3)  # T, B, L, K: answers 0, 1, 2
    targets = torch.tensor([[0, 1, 0], [0, 0, 0]])
    meter = AccuracyOverTime()
    meter.update(outputs, targets, torch.tensor([[1, 1, 0], [1, 1, 1]]))
    assert meter.count == 5 and meter.shares == [0.6]
    soft = AccuracyOverTime()
    soft.update(outputs, torch.nn.functional.one_hot(targets, 3) * 0.7)
    assert soft.shares == [0.5]


def test_faults() -> None:
    assert AccuracyOverTime().shares == []
    with pytest.raises(SpikedistillError, match="top-5 accuracy needs at least 5 classes"):
        accuracies(torch.randn(1, 2, 3), torch.tensor([0, 1]), top=5)
    meter = AccuracyOverTime()
    meter.update(torch.randn(2, 2, 3), torch.tensor([0, 1]))
    with pytest.raises(SpikedistillError, match="ran 4 steps and those before 2"):
        meter.update(torch.randn(4, 2, 3), torch.tensor([0, 1]))
