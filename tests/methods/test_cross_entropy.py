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


WEIGHTS = [0.5, 3.0, 1.0, 0.0]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("time", ["fused", "steps"])
def test_weights_of_classes_are_torchs(time, smoothing):
    outputs, labels = torch.randn(3, 6, 4), torch.tensor([0, 1, 2, 3, 1, 0])
    scores = outputs.mean(0, keepdim=True) if time == "fused" else outputs
    options = {"weight": torch.tensor(WEIGHTS), "label_smoothing": smoothing}
    shares = torch.randn(6, 4).softmax(-1)
    for targets in (labels, shares):
        expected = torch.stack([F.cross_entropy(step, targets, **options) for step in scores])
        value = loss_of(
            outputs, targets, time=time, label_smoothing=smoothing, class_weights=WEIGHTS
        )
        assert value == pytest.approx(expected.mean().item(), rel=1e-5)


def test_weights_of_classes_see_only_positions_that_count():
    outputs, labels = torch.randn(2, 3, 5, 4), torch.randint(4, (3, 5))
    mask = torch.tensor([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]]).bool()
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0])
    expected = F.cross_entropy(outputs.mean(0)[mask], labels[mask], weight=weights)
    value = loss_of(outputs, labels, mask, class_weights=weights.tolist())
    assert value == pytest.approx(expected.item(), rel=1e-5)


def test_equal_weights_change_nothing_and_a_batch_without_weight_is_zero():
    outputs, labels = torch.randn(2, 3, 4), torch.tensor([3, 3, 3])
    plain = loss_of(outputs, labels)
    assert loss_of(outputs, labels, class_weights=[2.0] * 4) == pytest.approx(plain, rel=1e-6)
    assert loss_of(outputs, labels, class_weights=WEIGHTS) == 0.0


def test_balanced_weights_are_counted_in_the_training_data():
    counts = (10, 30, 0, 60)
    spec = Spec("student", 2, 1, 4, class_counts=counts)
    loss = CrossEntropy(spec, class_weights="balanced")
    assert loss.weights.tolist() == pytest.approx([100 / 40, 100 / 120, 0.0, 100 / 240])
    assert not loss.state_dict()
    with pytest.raises(ValueError, match=r"'balanced' counts the labels .* give the 4 factors"):
        CrossEntropy(STUDENT, class_weights="balanced")


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ([1.0, 2.0], "has 2 numbers and the student tells 4 classes apart"),
        ([1.0, -1.0, 1.0, 1.0], "of 0 or more, not all 0, and here one is -1.0"),
        ([1.0, float("nan"), 1.0, 1.0], "and here one is nan"),
        ([0.0] * 4, "and here all are 0"),
    ],
)
def test_wrong_weights_of_classes_are_refused(weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        CrossEntropy(STUDENT, class_weights=weights)


LABELS = torch.tensor([1, 0, 3])


@pytest.mark.parametrize("kind", [torch.uint8, torch.int16, torch.int32])
def test_labels_are_whole_numbers_of_any_size(kind):
    outputs, weights = torch.randn(2, 3, 4), {"class_weights": [1.0, 2.0, 3.0, 4.0]}
    for options in ({}, weights):
        assert loss_of(outputs, LABELS.to(kind), **options) == loss_of(outputs, LABELS, **options)


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        (LABELS[:, None], r"the targets are \[3, 1\] of int64; make it targets.reshape\(3\)$"),
        (torch.eye(4)[LABELS].long(), "turn one-hot rows into classes"),
        (LABELS[:2], r"the targets are \[2\] of int64; give one class for each sample"),
        (LABELS.float(), r"of float32; make it targets.reshape\(3\).long\(\)"),
        (LABELS + 1, "the label 4 is none of the 4 classes"),
        (LABELS - 1, "the label -1 is none of the 4 classes"),
    ],
)
@pytest.mark.parametrize("time", ["fused", "steps"])
def test_targets_that_are_no_classes_are_refused(targets, sentence, time):
    with pytest.raises(ValueError, match=sentence):
        loss_of(torch.randn(2, 3, 4), targets, time=time)
