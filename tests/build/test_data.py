"""Data of a recipe: their task, and what is not made for their samples."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.data import TensorDataset

from spikedistill.build.data import check_inputs, metrics_of, one_step, split_loader, with_task
from spikedistill.core.errors import SpikedistillError
from spikedistill.data import DataSet, collate_images, collate_tensors
from spikedistill.metrics.accuracy import Accuracy
from spikedistill.metrics.error import Error
from spikedistill.recipes.options import Choice
from spikedistill.training.settings import Settings

CLASSES = torch.tensor([0, 1, 1, 0])


def data_of(inputs: torch.Tensor, targets: torch.Tensor = CLASSES, **more: Any) -> DataSet:
    samples = TensorDataset(inputs, targets)
    facts = {"classes": ("a", "b"), "mean": (0.0,), "std": (1.0,), **more}
    return DataSet("d", samples, samples, samples, **facts)


@pytest.mark.parametrize(
    ("shape", "encoding", "augment", "sentence"),
    [
        (
            (1, 8, 8),
            "frames",
            {},
            r"a sample of d is one image \[1, 8, 8\]; choose encoder: direct",
        ),
        ((5, 2, 8, 8), "direct", {}, r"5 frames \[5, 2, 8, 8\], and encoder: direct is for images"),
        (
            (1, 6, 8, 8),
            "direct",
            {},
            r"encoder: frames \(for volumes: samples of 4 axes are frames",
        ),
        ((5, 2, 8, 8), "rate", {}, "set encoder: frames"),
        ((1, 8, 9), "direct", {"crop": 8}, "adds 8 black pixels .* has 8 x 9"),
        ((5, 2, 8, 8), "frames", {"autoaugment": "cifar10"}, "augment.trivialaugment=snn"),
    ],
)
def test_what_is_not_made_for_the_samples_is_refused(
    shape: tuple[int, ...], encoding: str, augment: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        check_inputs(data_of(torch.zeros(4, *shape)), encoding, augment)


def test_what_is_made_for_the_samples_passes() -> None:
    for shape, encoding in (((1, 8, 8), "rate"), ((5, 2, 8, 8), "frames")):
        data = data_of(torch.zeros(4, *shape))
        check_inputs(data, encoding, {"flip": True, "autoaugment": None})


def test_targets_of_another_task_are_refused_with_the_data_and_the_task() -> None:
    data = data_of(torch.zeros(4, 1, 8, 8), torch.rand(4))
    with pytest.raises(SpikedistillError, match=r"^d, task image_classification: .* whole numbers"):
        check_inputs(data, "direct", {})
    nameless = data_of(torch.zeros(4, 1, 8, 8), classes=())
    with pytest.raises(SpikedistillError, match="needs to know its classes"):
        check_inputs(nameless, "direct", {})


def test_vectors_are_not_augmented() -> None:
    data = with_task(data_of(torch.zeros(4, 5), task="vector_classification"))
    check_inputs(data, "direct", {"flip": False})
    with pytest.raises(SpikedistillError, match=r"a sample of d is a sample .*leave augment out"):
        check_inputs(data, "direct", {"flip": True})
    with pytest.raises(SpikedistillError, match=r"a sample of d is one sample \[5\]; choose encod"):
        check_inputs(data, "frames", {})


def test_batches_are_made_as_the_task_makes_them_unless_the_data_say_how() -> None:
    vectors = data_of(torch.zeros(4, 5), task="vector_classification")
    images = data_of(torch.zeros(4, 1, 8, 8))
    for data, collate in ((vectors, collate_tensors), (images, collate_images)):
        samples = [data.train[index] for index in range(4)]
        made, wanted = with_task(data).how(samples), collate(samples)
        assert torch.equal(made.inputs, wanted.inputs)
        assert torch.equal(made.targets, wanted.targets)
    told = data_of(torch.zeros(4, 5), collate=collate_images)
    assert with_task(told) is told


def test_every_batch_is_held_to_the_classes() -> None:
    wrong = with_task(data_of(torch.zeros(4, 1, 8, 8), torch.tensor([0, 1, 2, 0])))
    loader = split_loader(wrong, wrong.train, Settings(batch_size=4))
    assert loader is not None
    sentence = r"^sample 2 of TensorDataset: the label 2 is none of the 2 classes.*from 0 to 1"
    with pytest.raises(SpikedistillError, match=sentence):
        next(loader.epoch(0))


def test_metrics_are_those_that_were_chosen_else_those_of_the_task() -> None:
    data = data_of(torch.zeros(4, 5))
    (made,) = metrics_of(data)
    assert type(made()) is Accuracy
    error, second = (
        make() for make in metrics_of(data, (Choice("error"), Choice("accuracy", {"top": 2})))
    )
    assert type(error) is Error and isinstance(second, Accuracy) and second.top == 2


def test_one_step_and_an_empty_split() -> None:
    recordings = with_task(data_of(torch.rand(4, 3, 2, 8, 8)))
    seen = one_step(recordings, "frames", 3)
    assert torch.equal(seen, recordings.train[0][0][:1])  # type: ignore[index]
    assert torch.equal(
        one_step(with_task(data_of(torch.ones(4, 1, 8, 8))), "direct", 7), torch.ones(1, 1, 8, 8)
    )
    empty = TensorDataset(torch.zeros(0, 1, 8, 8), CLASSES[:0])
    assert split_loader(recordings, empty, Settings()) is None
    assert len(split_loader(recordings, recordings.test, Settings(batch_size=3)) or ()) == 2
