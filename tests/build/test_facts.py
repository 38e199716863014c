"""What networks must know of the data, and how a run keeps it."""

from __future__ import annotations

import json

import torch
from torch.utils.data import TensorDataset

from spikedistill.build.facts import EXAMPLES, Facts, one_by_one
from spikedistill.core.answers import Wanted
from spikedistill.core.tree import leaves
from spikedistill.data import DataSet, data_set


def test_frames_count_as_images() -> None:
    frames = torch.rand(4, 3, 1, 8, 8)
    assert torch.equal(one_by_one(frames)[4], frames[1, 1])
    assert one_by_one(frames[:, 0]).shape == (4, 1, 8, 8)
    facts = Facts(frames, 10)
    assert torch.equal(facts.one_step[4], frames[1, 1])  # type: ignore[index]
    assert facts.channels == 1


def test_of_data() -> None:
    data = data_set("digits")
    facts = Facts.of(data)
    assert torch.equal(facts.example, data.train.images[:EXAMPLES].float() / 255)  # type: ignore
    assert (facts.classes, facts.channels) == (10, 1)
    assert (facts.mean, facts.std) == (data.mean, data.std)


def test_of_a_torch_dataset_that_does_not_say_how() -> None:
    samples = TensorDataset(torch.rand(5, 1, 4, 4), torch.arange(5))
    facts = Facts.of(DataSet("own", samples, samples, samples))
    assert torch.equal(facts.example, samples.tensors[0])
    assert facts.classes is None and facts.mean is None and facts.std is None


def test_channels_are_those_of_the_values_and_tokens_have_none() -> None:
    assert Facts(torch.rand(2, 7), 3).channels == 7
    assert Facts(torch.rand(2, 6, 50), 3).channels == 6
    assert Facts(torch.zeros(2, 9, dtype=torch.int64), 3).channels is None
    assert Facts({"a": torch.rand(2, 5), "b": torch.rand(2, 6)}, 3).channels == 5


def back(facts: Facts) -> Facts:
    return Facts.from_plain(json.loads(json.dumps(facts.plain())))


def test_there_and_back() -> None:
    image = back(Facts(torch.rand(5, 3, 4, 6), 10, (0.1, 0.2, 0.3), (1.0, 2.0, 3.0)))
    assert torch.equal(image.example, torch.zeros(2, 3, 4, 6))  # type: ignore[arg-type]
    assert (image.classes, image.mean, image.std) == (10, (0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
    several = {"tokens": torch.ones(5, 8, dtype=torch.int64), "mask": torch.ones(5, 8).bool()}
    named = back(Facts(several, None))
    assert list(named.example) == ["tokens", "mask"]
    assert [value.dtype for value in leaves(named.example)] == [torch.int64, torch.bool]
    assert [tuple(value.shape) for value in leaves(named.example)] == [(2, 8)] * 2
    assert (named.classes, named.mean, named.std) == (None, None, None)


def test_a_run_of_an_earlier_version() -> None:
    plain = {"classes": 10, "shape": [2, 34, 34], "mean": [0.0, 0.0], "std": [1.0, 1.0]}
    facts = Facts.from_plain(plain)
    assert torch.equal(facts.example, torch.zeros(2, 2, 34, 34))  # type: ignore[arg-type]
    assert facts.example.dtype is torch.float32  # type: ignore[union-attr]
    assert (facts.classes, facts.mean, facts.std) == (10, (0.0, 0.0), (1.0, 1.0))


def test_the_form_of_the_answers_is_known_of_classifications_only() -> None:
    images, labels = torch.rand(6, 1, 4, 4), torch.arange(6) % 3

    def facts(targets: torch.Tensor, task: str = "image_classification") -> Facts:
        samples = TensorDataset(images, targets)
        return Facts.of(
            DataSet("own", samples, samples, samples, classes=("a", "b", "c"), task=task)
        )

    assert facts(labels).wanted == back(facts(labels)).wanted == Wanted(3, 2)
    places = facts(labels[:, None].expand(6, 4), "sequence_classification")
    assert places.wanted == Wanted(3, 3)
    assert Facts(images, 3).wanted is None
