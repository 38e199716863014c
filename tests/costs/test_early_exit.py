from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.over_time import OverTime
from spikedistill.costs.early_exit import choose, early_exits
from spikedistill.export.deploy import deploy
from spikedistill.functional.compiled import compiling
from spikedistill.models.digits import digits
from spikedistill.neurons.lif import LIF

T, N, K = 4, 60, 5


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.randint(K, (N,))
    signal = torch.nn.functional.one_hot(labels, K) * torch.rand(T, N, 1) * 4
    return signal + torch.randn(T, N, K), labels


def in_loops(outputs, labels, threshold: float) -> tuple[float, float, list[int]]:
    right, taken = 0, [0] * T
    for n in range(N):
        total = [0.0] * K
        for t in range(T):
            total = [a + b for a, b in zip(total, outputs[t, n].tolist(), strict=True)]
            mean = [a / (t + 1) for a in total]
            exp = [math.exp(a) for a in mean]
            if max(exp) / sum(exp) > threshold or t == T - 1:
                right += mean.index(max(mean)) == labels[n].item()
                taken[t] += 1
                break
    return right / N, sum((t + 1) * n for t, n in enumerate(taken)) / N, taken


def test_every_threshold_in_plain_loops():
    outputs, labels = scene()
    thresholds = [0.01, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0]
    for found in early_exits(outputs, labels, thresholds):
        accuracy, steps, histogram = in_loops(outputs, labels, found.threshold)
        assert (found.accuracy, found.steps) == (pytest.approx(accuracy), pytest.approx(steps))
        assert list(found.histogram) == histogram
    first, *_, last = early_exits(outputs, labels, thresholds)
    assert first.histogram == (N, 0, 0, 0) and last.histogram == (0, 0, 0, N)


def test_a_higher_threshold_takes_no_fewer_steps():
    found = early_exits(*scene(), [k / 50 for k in range(1, 51)])
    assert all(a.steps <= b.steps for a, b in pairwise(found))


@pytest.mark.parametrize("tolerance", [0.0, 2.0, 10.0, 100.0])
def test_the_choice_saves_most_of_all_that_keep_the_accuracy(tolerance):
    outputs, labels = scene()
    [full] = early_exits(outputs, labels, [1.0])
    found = choose(outputs, labels, tolerance)
    assert found.accuracy >= full.accuracy - tolerance / 100 - 1e-9
    every = early_exits(outputs, labels, [k / 2000 for k in range(1, 2001)])
    fit = [one for one in every if one.accuracy >= full.accuracy - tolerance / 100 - 1e-9]
    assert found.steps <= min(one.steps for one in fit)
    assert [found] == early_exits(outputs, labels, [found.threshold])
    assert tolerance < 100 or found.steps == 1


def test_where_only_all_steps_keep_the_accuracy_all_are_taken():
    outputs = torch.tensor([[[9.0, 0.0], [9.0, 0.0]], [[0.0, 20.0], [9.0, 0.0]]])
    found = choose(outputs, torch.tensor([1, 0]))  # sure and wrong after one step
    assert (found.accuracy, found.steps) == (1.0, 2.0)
    alone = choose(outputs[1:], torch.tensor([1, 0]))
    assert (alone.threshold, alone.steps) == (1.0, 1.0)


def test_many_confidences_are_thinned():
    outputs, labels = torch.randn(3, 2000, K), torch.randint(K, (2000,))
    found, [full] = choose(outputs, labels), early_exits(outputs, labels, [1.0])
    assert found.accuracy >= full.accuracy


def test_a_deployed_network_leaves_at_the_same_steps():
    network = digits(LIF(v_threshold=0.3), width=0.25).eval()
    images, labels = torch.rand(24, 1, 8, 8), torch.randint(10, (24,))
    with compiling(False):
        deployed = deploy(OverTime(network, T))
        outputs = deployed.over_time(images.unsqueeze(0))
        means = outputs.cumsum(0) / torch.arange(1, T + 1).view(T, 1, 1)
        sure = means.softmax(-1).amax(-1).flatten().sort().values
        middles = (sure[1:] + sure[:-1])[(sure[1:] - sure[:-1]) > 1e-4] / 2
        assert len(middles) > 10
        steps = []
        for level in middles[:: len(middles) // 8].tolist():
            exits = deployed.early_exit(images, level)
            [found] = early_exits(outputs, labels, [level])
            assert list(found.histogram) == torch.bincount(exits.steps - 1, minlength=T).tolist()
            right = (exits.logits.argmax(-1) == labels).float().mean().item()
            assert found.accuracy == pytest.approx(right)
            steps.append(found.steps)
    assert len(set(steps)) > 3


@pytest.mark.parametrize("threshold", [0.0, -0.5, 1.5, float("nan")])
def test_thresholds_that_are_none(threshold):
    with pytest.raises(SpikedistillError, match=r"is a probability in \(0, 1\], not"):
        early_exits(*scene(), [threshold])


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(SpikedistillError, match="from 0 up, not -1"):
        choose(*scene(), tolerance=-1.0)
    with pytest.raises(SpikedistillError, match="at least one sample"):
        choose(torch.zeros(T, 0, K), torch.zeros(0).long())
