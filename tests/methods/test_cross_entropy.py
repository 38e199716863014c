from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace
from spikedistill.methods.cross_entropy import CrossEntropy

STEPS = torch.tensor([[[0.8, 1.2, -0.3, 0.1]], [[1.5, 0.2, 0.4, -0.6]]], dtype=torch.float64)
STUDENT = Spec("student", 2, 1, 4)


def loss_of(outputs, targets, mask=None, **options) -> float:
    batch = Batch(torch.zeros(1, 1), targets, mask=mask)
    return CrossEntropy(STUDENT, **options)(Trace(outputs), None, batch).item()


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({}, 0.796198),
        ({"time": "steps", "lam": 0.05}, 0.869874),
        ({"time": "steps", "lam": 0.001}, 0.873542),
        ({"time": "steps", "lam": 1.0}, 0.798750),
    ],
)
def test_the_shared_sample(options, value):
    assert loss_of(STEPS, torch.tensor([0]), **options) == pytest.approx(value, abs=6e-7)


def test_every_step_is_judged_by_the_same_label():
    outputs, labels = torch.randn(3, 5, 4), torch.randint(4, (5,))
    expected = torch.stack([F.cross_entropy(step, labels) for step in outputs]).mean()
    assert loss_of(outputs, labels, time="steps") == pytest.approx(expected.item(), rel=1e-5)
    fused = F.cross_entropy(outputs.mean(0), labels, label_smoothing=0.1).item()
    assert loss_of(outputs, labels, label_smoothing=0.1) == pytest.approx(fused, rel=1e-5)


def test_probabilities_stand_for_mixed_labels():
    outputs, labels = torch.randn(2, 6, 4), torch.randint(4, (6,))
    hard = F.one_hot(labels, 4).double()
    mixed = 0.3 * hard + 0.7 * hard.flip(0)
    expected = 0.3 * loss_of(outputs, labels) + 0.7 * loss_of(outputs, labels.flip(0))
    assert loss_of(outputs, hard) == pytest.approx(loss_of(outputs, labels), rel=1e-5)
    assert loss_of(outputs, mixed) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("time", ["fused", "steps"])
def test_positions_that_the_mask_leaves_out_count_nothing(time):
    outputs, labels = torch.randn(2, 3, 5, 4), torch.randint(4, (3, 5))
    mask = torch.tensor([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]]).bool()
    scores = outputs.mean(0, keepdim=True) if time == "fused" else outputs
    kept = [F.cross_entropy(step[mask], labels[mask]) for step in scores]
    wild = torch.where(mask, labels, 3)
    value = loss_of(outputs, wild, mask, time=time)
    assert value == pytest.approx(torch.stack(kept).mean().item(), rel=1e-5)


def test_the_regulariser_sees_only_positions_that_count():
    outputs = torch.stack([torch.full((1, 2, 4), 3.0), torch.full((1, 2, 4), 2.0)])
    outputs[:, :, 1] = 100.0
    mask = torch.tensor([[True, False]])
    value = loss_of(outputs, torch.zeros(1, 2).long(), mask, time="steps", lam=1.0, phi=1.0)
    assert value == pytest.approx((4.0 + 1.0) / 2)


def test_a_mask_does_not_concern_outputs_without_positions():
    outputs, labels = torch.randn(2, 2, 4), torch.tensor([1, 3])
    assert loss_of(outputs, labels, torch.zeros(2, 2), time="steps") > 0


def test_one_entry_is_read_where_targets_are_a_mapping():
    labels = torch.tensor([0])
    assert loss_of(STEPS, {"label": labels, "box": labels}) == loss_of(STEPS, labels)
    assert loss_of(STEPS, {"digit": labels}, target="digit") == loss_of(STEPS, labels)
    with pytest.raises(ValueError, match=r"'label', which this batch lacks; did you mean 'labels'"):
        loss_of(STEPS, {"labels": labels})


def test_options_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"lam is a share between 0 and 1; got 2"):
        CrossEntropy(STUDENT, time="steps", lam=2.0)
    with pytest.raises(ValueError, match=r"lam=0.05 .* time='fused'"):
        CrossEntropy(STUDENT, lam=0.05)
