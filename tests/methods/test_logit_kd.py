from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace
from spikedistill.methods.logit_kd import LogitKD

STEPS = torch.tensor([[[0.8, 1.2, -0.3, 0.1]], [[1.5, 0.2, 0.4, -0.6]]], dtype=torch.float64)
TEACHER = torch.tensor([[[2.0, 1.0, 0.5, -1.0]]], dtype=torch.float64)


def loss_of(learner, guide, mask=None, **options) -> torch.Tensor:
    specs = [
        Spec(role, len(outputs), outputs.shape[1], outputs.shape[-1])
        for role, outputs in (("student", learner), ("teacher", guide))
    ]
    batch = Batch(torch.zeros(1, 1), torch.zeros(1, dtype=torch.long), mask=mask)
    return LogitKD(*specs, **options)(Trace(learner), Trace(guide), batch)


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({"temperature": 1.0}, 0.074757),
        ({"temperature": 2.0}, 0.120796),
        ({}, 0.148564),
        ({"time": "steps"}, 0.226391),
    ],
)
def test_the_shared_sample(options, value):
    assert loss_of(STEPS, TEACHER, **options).item() == pytest.approx(value, abs=6e-7)


def test_the_gradient_of_the_shared_sample_is_spread_over_the_steps():
    outputs = STEPS.clone().requires_grad_()
    loss_of(outputs, TEACHER).backward()
    per_step = [g / 2 for g in (-0.170023, 0.004336, -0.030749, 0.196437)]
    for step in outputs.grad:
        assert step[0].tolist() == pytest.approx(per_step, abs=6e-7)


def in_plain_loops(learner, guide, tau: float, fused: bool) -> float:
    mine = [learner.mean(0)] if fused else list(learner)
    goal = [guide.mean(0)] if fused else [guide[t % len(guide)] for t in range(len(learner))]
    terms = [
        tau**2 * F.kl_div(F.log_softmax(m / tau, 1), F.softmax(g / tau, 1), reduction="batchmean")
        for m, g in zip(mine, goal, strict=True)
    ]
    return (sum(terms) / len(terms)).item()


@pytest.mark.parametrize("guide_steps", [1, 3])
@pytest.mark.parametrize("time", ["fused", "steps"])
def test_equals_torch_step_by_step(time, guide_steps):
    learner, guide = torch.randn(3, 6, 5).double(), torch.randn(guide_steps, 6, 5).double()
    expected = in_plain_loops(learner, guide, 2.0, time == "fused")
    value = loss_of(learner, guide, temperature=2.0, time=time).item()
    assert value == pytest.approx(expected, rel=1e-10)


def test_only_the_means_meet_when_fused_so_any_numbers_of_steps_go_together():
    learner, guide = torch.randn(2, 4, 5).double(), torch.randn(6, 4, 5).double()
    expected = in_plain_loops(learner, guide, 4.0, fused=True)
    assert loss_of(learner, guide).item() == pytest.approx(expected, rel=1e-10)
    with pytest.raises(ValueError, match="student runs 2 steps and the teacher 6"):
        loss_of(learner, guide, time="steps")


def test_masked_positions_count_nothing():
    learner, guide = torch.randn(2, 2, 3, 4), torch.randn(1, 2, 3, 4)
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]]).bool()
    kept = loss_of(learner[:, mask], guide[:, mask])
    torch.testing.assert_close(loss_of(learner, guide, mask), kept)


def test_a_temperature_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="temperature must be positive; got 0"):
        loss_of(STEPS, TEACHER, temperature=0.0)
