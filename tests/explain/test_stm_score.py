from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.over_time import run_folded
from spikedistill.core.trace import Batch, Trace
from spikedistill.explain.stm_score import distances, measure, score
from spikedistill.functional.similarity import fixed_attention
from spikedistill.models.digits import digits
from spikedistill.neurons.lif import LIF

STAGES = ("stage1", "stage2")


def trace(steps: int, size: int, **taps: tuple[int, ...]) -> Trace:
    values = {name: torch.rand(steps, size, *shape).round() for name, shape in taps.items()}
    return Trace(torch.zeros(steps, size, 10), values)


def rows(features: Tensor) -> list[list[float]]:
    """Row-normalised similarities of the samples, one product at a time."""
    flat = features.double().flatten(1).tolist()
    found = [[sum(x * y for x, y in zip(a, b, strict=True)) for b in flat] for a in flat]
    norms = [math.sqrt(sum(x * x for x in row)) for row in found]
    return [[x / n if n else 0.0 for x in row] for row, n in zip(found, norms, strict=True)]


def in_loops(mine: Trace, theirs: Trace, t: int, i: str, j: str) -> float:
    own, other = rows(mine[i][t]), rows(theirs[j][t if theirs.timesteps > 1 else 0])
    squares = sum(
        (x - y) ** 2 for a, b in zip(own, other, strict=True) for x, y in zip(a, b, strict=True)
    )
    return math.sqrt(squares) / len(own)


@pytest.mark.parametrize("guide_steps", [1, 3])
def test_the_distances_in_plain_loops(guide_steps):
    mine = trace(3, 5, stage1=(2, 3, 3), stage2=(4,))
    theirs = trace(guide_steps, 5, stage1=(3, 2, 2), stage2=(4, 1, 1), stage3=(6,))
    mine.taps["stage1"][1, 2] = 0  # a silent sample
    found = distances(mine, theirs, STAGES, ("stage1", "stage2", "stage3"))
    assert found.shape == (3, 2, 3)
    for t in range(3):
        for i in range(2):
            for j in range(3):
                expected = in_loops(mine, theirs, t, f"stage{i + 1}", f"stage{j + 1}")
                assert found[t, i, j].item() == pytest.approx(expected, rel=1e-10)


def test_the_score_is_the_weighted_mean_and_its_logarithm_is_taken_after_it():
    pairs = torch.tensor([[[0.1, 0.3], [0.2, 0.4]], [[0.5, 0.1], [0.3, 0.3]]]).double()
    weights = torch.tensor([[[0.5, 0.5], [1.0, 0.0]], [[0.0, 1.0], [0.25, 0.75]]])
    found = score(pairs, weights)
    torch.testing.assert_close(found.layers, torch.tensor([[0.2, 0.2], [0.1, 0.3]]).double())
    assert found.value == pytest.approx(0.2)
    assert found.log == pytest.approx(math.log(0.2))
    diagonal = score(pairs, fixed_attention("diagonal", 2, 2))
    assert diagonal.value == pytest.approx((0.1 + 0.4 + 0.5 + 0.3) / 4)


def test_identical_features_have_no_mismatch_and_silence_none_at_all():
    same = trace(1, 4, stage1=(2, 3, 3))
    found = score(distances(same, same, ["stage1"], ["stage1"]), torch.ones(1, 1))
    assert found.value == pytest.approx(0.0, abs=1e-12)
    silent = Trace(torch.zeros(1, 4, 10), {"stage1": torch.zeros(1, 4, 3)})
    nothing = score(distances(silent, silent, ["stage1"], ["stage1"]), torch.ones(1, 1))
    assert (nothing.value, nothing.log) == (0.0, -math.inf)


def test_scale_and_rotation_of_a_layer_do_not_matter():
    mine, theirs = trace(2, 6, a=(5,)), trace(1, 6, a=(4,))
    turn = torch.linalg.qr(torch.randn(5, 5)).Q
    turned = Trace(mine.outputs, {"a": 3 * mine["a"] @ turn})
    expected = distances(mine, theirs, "a", "a")
    torch.testing.assert_close(distances(turned, theirs, "a", "a"), expected, rtol=1e-5, atol=1e-6)


def test_two_networks_over_batches():
    student, teacher = digits(LIF(v_threshold=0.5), width=0.25), digits(width=0.5)
    images = torch.rand(20, 1, 8, 8)
    batches = [Batch(part, torch.zeros(len(part)).long()) for part in images.split(8)]
    student.train()
    found = measure(student, teacher, batches, 2, STAGES, STAGES)
    assert student.training and not student._forward_hooks
    student.eval(), teacher.eval()
    seen = {}
    for name, network in (("s", student), ("t", teacher)):
        for stage in STAGES:
            network.get_submodule(network.taps[stage]).register_forward_hook(
                lambda _m, _i, out, key=name + stage: seen.__setitem__(key, out.detach())
            )
    whole = []
    for batch in batches[:2]:  # the last has four samples
        run_folded(student, batch.inputs[None], 2), run_folded(teacher, batch.inputs[None], 1)
        taps = [{s: seen[who + s].unflatten(0, (-1, 8)) for s in STAGES} for who in "st"]
        runs = [Trace(torch.zeros(n, 8, 10), one) for n, one in zip((2, 1), taps, strict=True)]
        whole.append(distances(*runs, STAGES, STAGES))
    torch.testing.assert_close(found, torch.stack(whole).mean(0))
    assert 0 < score(found, fixed_attention("uniform", 2, 2)).value < 2 / math.sqrt(8)


def test_what_does_not_fit_is_refused_with_a_sentence():
    pairs = torch.rand(2, 3, 2)
    with pytest.raises(SpikedistillError, match=r"shape \(2, 2\) and the distances .* \(2, 3, 2\)"):
        score(pairs, torch.full((2, 2), 0.5))
    with pytest.raises(SpikedistillError, match="sum to 2 to 2; divide"):
        score(pairs, torch.ones(3, 2))
    with pytest.raises(SpikedistillError, match="learner runs 3 steps and the guide 2"):
        distances(trace(3, 4, a=(2,)), trace(2, 4, a=(2,)), "a", "a")
    with pytest.raises(SpikedistillError, match="no batch to measure"):
        measure(digits(LIF()), digits(), [], 2, STAGES, STAGES)
