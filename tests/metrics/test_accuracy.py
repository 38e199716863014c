"""Accuracy against plain counting."""

import pytest
import torch
from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.trace import Batch, Trace
from spikedistill.metrics.accuracy import Accuracy, right_answers


def batch(targets: Tensor, mask: Tensor | None = None) -> Batch:
    return Batch(torch.zeros(len(targets), 1), targets, mask=mask)


def percent(outputs: Tensor, targets: Tensor, top: int = 1) -> float:
    metric = Accuracy(top)
    metric.update(Trace(outputs), batch(targets))
    return metric.value()


def test_by_hand() -> None:
    # sample 0 is right at once and wrong after 2 steps; sample 1 the other way round
    outputs = torch.tensor([[[2.0, 0.0], [2.0, 0.0]], [[0.0, 3.0], [0.0, 3.0]]])
    whole = Trace(outputs)
    right = [right_answers(whole.after(steps).outputs, torch.tensor([0, 1])) for steps in (1, 2)]
    assert [answers.tolist() for answers in right] == [[True, False], [False, True]]
    assert [percent(whole.after(steps).outputs, torch.tensor([1, 1])) for steps in (1, 2)] == [
        0.0,
        100.0,
    ]


@pytest.mark.parametrize("top", [1, 3])
def test_against_plain_loops(top: int) -> None:
    T, B, K = 4, 50, 6
    outputs, targets = torch.randn(T, B, K), torch.randint(K, (B,))
    for stop in range(1, T + 1):
        right = 0
        for b in range(B):
            mean = [sum(float(outputs[t, b, k]) for t in range(stop)) / stop for k in range(K)]
            best = sorted(range(K), key=lambda k: -mean[k])[:top]
            right += int(targets[b]) in best
        assert percent(outputs[:stop], targets, top) == pytest.approx(100 * right / B)


def test_batches_of_unequal_size_weigh_by_their_size() -> None:
    outputs, targets = torch.randn(3, 10, 4), torch.randint(4, (10,))
    metric = Accuracy()
    metric.update(Trace(outputs[:, :7]), batch(targets[:7]))
    metric.update(Trace(outputs[:, 7:]), batch(targets[7:]))
    assert metric.count == 10 and metric.value() == percent(outputs, targets)


def test_probabilities_and_masked_positions() -> None:
    outputs = torch.eye(3).expand(1, 2, 3, 3)  # T, B, L, K: answers 0, 1, 2
    targets = torch.tensor([[0, 1, 0], [0, 0, 0]])
    metric = Accuracy()
    metric.update(Trace(outputs), batch(targets, torch.tensor([[1, 1, 0], [1, 1, 1]])))
    assert metric.count == 5 and metric.value() == 60.0
    soft = torch.nn.functional.one_hot(targets, 3) * 0.7
    assert percent(outputs, soft) == 50.0


@pytest.mark.parametrize(
    ("outputs", "targets", "top", "sentence"),
    [
        (torch.randn(1, 2, 3), torch.tensor([0, 1]), 5, "top-5 accuracy needs at least 5 classes"),
        (torch.randn(1, 2, 3), torch.tensor([0, 3]), 1, "a class 3, but the network tells only 3"),
        (torch.randn(1, 2, 4, 3), torch.tensor([0, 1]), 1, r"answers \[2, 4\] questions.*\[2\]"),
    ],
)
def test_faults(outputs: Tensor, targets: Tensor, top: int, sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        percent(outputs, targets, top)


def test_several_targets_are_no_class() -> None:
    two = Batch(torch.zeros(2, 1), {"box": torch.zeros(2, 4), "score": torch.zeros(2)})
    with pytest.raises(SpikedistillError, match="needs one target, a class, and the data give box"):
        Accuracy().update(Trace(torch.randn(1, 2, 3)), two)
    assert Accuracy().value() != Accuracy().value()  # nothing was shown: not a number


def test_truth_is_a_class() -> None:
    outputs, targets = torch.randn(2, 6, 2), torch.tensor([0, 1, 1, 0, 1, 0])
    assert torch.equal(right_answers(outputs, targets.bool()), right_answers(outputs, targets))
    assert torch.equal(right_answers(outputs, targets.bool(), 2), torch.ones(6, dtype=torch.bool))
