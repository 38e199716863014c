"""What every classification checks, and the sentence for a teacher near chance."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.trace import Batch
from spikedistill.data import SampleFault, collate_images, collate_sequences, collate_tensors
from spikedistill.tasks import TASKS
from spikedistill.tasks._classes import check_answers, check_classes, near_chance

CLASSES = torch.tensor([0, 2, 1])


@pytest.mark.parametrize(("share", "classes"), [(0.19, 10), (0.9339, 10), (0.11, 100), (0.6, 2)])
def test_teachers_that_learned_something(share: float, classes: int) -> None:
    assert near_chance(100 * share, classes) is None


@pytest.mark.parametrize(("share", "classes"), [(0.18, 10), (0.0, 10), (0.1, 100), (0.54, 2)])
def test_teachers_near_chance(share: float, classes: int) -> None:
    sentence = near_chance(100 * share, classes)
    assert sentence is not None
    for word in (f"{100 * share:.1f} %", f"{classes} classes", "normalisation", "order"):
        assert word in sentence


def batch(targets: Any) -> Batch:
    return Batch(torch.zeros(3, 2), targets)


@pytest.mark.parametrize(
    "targets",
    [CLASSES, torch.tensor([[0, 1], [1, 1], [2, 0]]), torch.rand(3, 4)],
    ids=["a class", "a class at each place", "a share for each class"],
)
def test_targets_of_a_classification(targets: torch.Tensor) -> None:
    check_classes(batch(targets), 4)


@pytest.mark.parametrize(
    ("targets", "classes", "sentence"),
    [
        ({"a": CLASSES, "b": CLASSES}, 3, "needs one target, a class, and the data give a, b;"),
        ({}, 3, "the data give none;"),
        (torch.rand(3), 3, r"whole numbers .* the data give torch.float32 of shape \[\];"),
        (CLASSES, None, "needs to know its classes, and the data do not tell them; give `classes`"),
        (CLASSES, 0, "needs to know its classes"),
    ],
)
def test_other_targets_are_refused(targets: Any, classes: int | None, sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        check_classes(batch(targets), classes)


def test_outputs_tell_as_many_classes_apart_as_there_are() -> None:
    check_answers((2, 3, 5), batch(CLASSES), 5)
    check_answers((2, 3, 7, 5), batch(CLASSES), 5)
    with pytest.raises(SpikedistillError, match="tells 4 classes apart and the data have 5"):
        check_answers((2, 3, 4), batch(CLASSES), 5)
    with pytest.raises(SpikedistillError, match="has one output and the data have 5 classes"):
        check_answers((2, 3, 1), batch(CLASSES), 5)


def test_every_classification_uses_them_and_makes_its_own_batches() -> None:
    made = {
        "image": (collate_images, True, ("confusion", "mistakes")),
        "sequence": (collate_sequences, False, ("confusion",)),
        "vector": (collate_tensors, False, ("confusion",)),
    }
    for kind, (collate, augments, sections) in made.items():
        task = TASKS.find(f"{kind}_classification")
        assert (task.collate, task.augments, task.sections) == (collate, augments, sections)
        assert task.metrics == ("accuracy",) and task.classifies
        assert (task.check_targets, task.check_outputs) == (check_classes, check_answers)
        assert task.near_chance is near_chance


def test_the_sample_of_a_real_target_is_named() -> None:
    with pytest.raises(SampleFault, match="whole numbers") as caught:
        check_classes(batch(torch.tensor([0.0, 1.0, 0.5])), 3)
    assert caught.value.position == 2
