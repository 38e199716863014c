from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from spikedistill.functional.divergence import (
    label_cross_entropy,
    label_weights,
    masked_mean,
    softened_kl,
)

TEACHER = torch.tensor([2.0, 1.0, 0.5, -1.0], dtype=torch.float64)
STEPS = torch.tensor([[0.8, 1.2, -0.3, 0.1], [1.5, 0.2, 0.4, -0.6]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("tau", "loss", "gradient"),
    [
        (1, 0.074757, (-0.158420, 0.063388, 0.014149, 0.080882)),
        (2, 0.120796, (-0.172433, 0.029106, -0.008623, 0.151950)),
        (4, 0.148564, (-0.170023, 0.004336, -0.030749, 0.196437)),
        (1000, 0.174516, None),
    ],
)
def test_softened_kl_on_the_shared_sample(tau, loss, gradient):
    mean = STEPS.mean(0).requires_grad_()
    value = softened_kl(mean, TEACHER, tau)
    assert value.item() == pytest.approx(loss, abs=6e-7)
    value.backward()
    assert mean.grad.sum().item() == pytest.approx(0, abs=1e-12)
    if gradient is not None:
        assert mean.grad.tolist() == pytest.approx(gradient, abs=6e-7)


def test_softened_kl_ignores_a_constant_and_vanishes_for_equals():
    shifted = softened_kl(STEPS + 3.0, TEACHER - 5.0, 2.0)
    torch.testing.assert_close(shifted, softened_kl(STEPS, TEACHER, 2.0))
    assert softened_kl(TEACHER, TEACHER, 4.0).item() == 0.0


def test_a_loss_per_step_is_never_smaller_than_the_fused_one():
    learner, guide = torch.randn(4, 50, 10), torch.randn(1, 50, 10)
    steps, fused = softened_kl(learner, guide).mean(0), softened_kl(learner.mean(0), guide[0])
    assert (steps >= fused - 1e-6).all()


def test_cross_entropy_equals_torch_for_indices_and_probabilities():
    logits, labels = torch.randn(3, 6, 5), torch.randint(5, (6,))
    soft = torch.rand(6, 5).softmax(-1)
    for targets in (labels, soft):
        for smoothing in (0.0, 0.1):
            expected = [
                F.cross_entropy(step, targets, reduction="none", label_smoothing=smoothing)
                for step in logits
            ]
            torch.testing.assert_close(
                label_cross_entropy(logits, targets, smoothing), torch.stack(expected)
            )


def test_half_precision_logits_give_a_loss_in_float32():
    logits = torch.randn(2, 3).bfloat16()
    assert softened_kl(logits, logits).dtype == torch.float32
    assert label_cross_entropy(logits, torch.tensor([0, 1])).dtype == torch.float32


def test_a_masked_mean_counts_positions_at_every_step():
    values = torch.tensor([[[1.0, 9.0], [3.0, float("nan")]], [[5.0, 9.0], [7.0, 9.0]]])
    mask = torch.tensor([[1, 0], [1, 0]])
    assert masked_mean(values, mask).item() == 4.0
    assert masked_mean(values, torch.zeros(2, 2)).item() == 0.0


@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.int32])
def test_whole_numbers_of_any_kind_are_classes(kind: torch.dtype) -> None:
    logits, targets, weights = torch.randn(3, 4, 2), torch.tensor([1, 0, 0, 1]), torch.rand(2)
    known = label_cross_entropy(logits, targets)
    assert torch.equal(label_cross_entropy(logits, targets.to(kind)), known)
    assert torch.equal(label_weights(targets.to(kind), weights), weights[targets])
