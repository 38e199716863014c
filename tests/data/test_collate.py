"""Samples as batches: images, tensors of one shape, padded sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.trace import Batch
from spikedistill.data import (
    Loader,
    SampleFault,
    collate_images,
    collate_sequences,
    collate_tensors,
)
from spikedistill.data._collate import check_batch


def plain(value: Any) -> Any:
    return value.tolist()


def test_images_of_any_kind_and_classes() -> None:
    pixels = np.full((2, 3, 3), 51, np.uint8)  # H, W, C
    batch = collate_images([(torch.full((3, 2, 3), 0.2), 4), (pixels, np.int64(2), "ignored")])
    assert batch.inputs.shape == (2, 3, 2, 3)  # type: ignore[union-attr]
    assert torch.allclose(batch.inputs, torch.full((2, 3, 2, 3), 0.2))  # type: ignore[arg-type]
    assert plain(batch.targets) == [4, 2] and batch.targets.dtype is torch.int64  # type: ignore
    assert batch.mask is None and batch.index is None


def test_tensors_of_one_shape() -> None:
    batch = collate_tensors([(np.array([1.0, 2.0]), 1), (torch.tensor([3, 4.0]), 0)])
    assert plain(batch.inputs) == [[1, 2], [3, 4]] and batch.inputs.dtype is torch.float32  # type: ignore
    tokens = collate_tensors([([1, 2, 3], 0.5), (np.array([4, 5, 6], np.uint8), 1.5)])
    assert tokens.inputs.dtype is torch.int64 and plain(tokens.targets) == [0.5, 1.5]  # type: ignore
    assert tokens.mask is None


def test_several_inputs_and_several_targets_by_name() -> None:
    def sample(k: int) -> Any:
        inputs = {"x": torch.full((2,), float(k)), "there": torch.tensor([True, False])}
        return inputs, {"box": torch.full((4,), k / 2), "class": k}

    batch = collate_tensors([sample(1), sample(3)])
    assert isinstance(batch.inputs, dict) and isinstance(batch.targets, dict)
    assert plain(batch.inputs["x"]) == [[1, 1], [3, 3]]
    assert batch.inputs["there"].dtype is torch.bool
    assert plain(batch.targets["box"][:, 0]) == [0.5, 1.5]
    assert plain(batch.targets["class"]) == [1, 3]


def test_sequences_are_padded_with_zeros_and_masked() -> None:
    batch = collate_sequences([(torch.tensor([7, 8]), 1), ([5, 6, 9], 0), ([4], 2)])
    assert plain(batch.inputs) == [[7, 8, 0], [5, 6, 9], [4, 0, 0]]
    assert plain(batch.mask) == [[True, True, False], [True] * 3, [True, False, False]]
    assert plain(batch.targets) == [1, 0, 2]


def test_targets_of_the_same_length_are_padded_alike() -> None:
    features = [torch.ones(2, 4), torch.ones(3, 4)]
    batch = collate_sequences([(features[0], [1, 2]), (features[1], [3, 4, 5])])
    assert batch.inputs.shape == (2, 3, 4) and batch.inputs[0, 2].sum() == 0  # type: ignore
    assert plain(batch.targets) == [[1, 2, 0], [3, 4, 5]]
    shares = collate_sequences([(features[0], [0.5, 0.5, 0.0]), (features[1], [0.0, 0.0, 1.0])])
    assert plain(shares.targets) == [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]


def test_a_network_that_takes_a_mask_gets_it() -> None:
    def sample(length: int) -> Any:
        inputs = {"tokens": torch.ones(length), "mask": torch.ones(length), "size": torch.ones(5)}
        return inputs, 0

    batch = collate_sequences([sample(1), sample(2)])
    assert isinstance(batch.inputs, dict)
    assert plain(batch.inputs["tokens"]) == [[1, 0], [1, 1]]
    assert batch.inputs["mask"] is batch.mask and batch.inputs["size"].shape == (2, 5)
    assert plain(batch.mask) == [[True, False], [True, True]]
    padded, _ = sample(2)
    padded["mask"] = torch.tensor([1, 0])  # as a tokenizer fills up to one length
    own = collate_sequences([(padded, 0), sample(3)])
    assert plain(own.mask) == [[True, False, False], [True] * 3]
    without = collate_sequences([({"tokens": torch.ones(1)}, 0), ({"tokens": torch.ones(2)}, 0)])
    assert list(without.inputs) == ["tokens"] and plain(without.mask) == plain(batch.mask)


@pytest.mark.parametrize("collate", [collate_tensors, collate_sequences])
def test_keys_that_change_are_refused(collate: Any) -> None:
    one, other = {"a": torch.ones(2), "b": torch.ones(2)}, {"a": torch.ones(2), "c": torch.ones(2)}
    with pytest.raises(SpikedistillError, match=r"the inputs of a sample are a, c and those .* b"):
        collate([(one, 0), (other, 0)])
    with pytest.raises(SpikedistillError, match=r"the targets of a sample are a, c and those .* b"):
        collate([(torch.ones(2), one), (torch.ones(2), other)])


@pytest.mark.parametrize(
    ("collate", "inputs", "sentence"),
    [
        (collate_images, (torch.zeros(1, 4, 4), torch.zeros(1, 5, 4)), r"images .*\(1, 4, 4\) and"),
        (collate_tensors, (torch.zeros(2), torch.zeros(3)), r"inputs .* \(2,\) and \(3,\): bring"),
        (
            collate_tensors,
            ({"a": torch.zeros(2)}, {"a": torch.zeros(3)}),
            "inputs 'a' of one batch have different shapes",
        ),
        (
            collate_sequences,
            (torch.zeros(2, 4), torch.zeros(3, 5)),
            r"inputs of one batch have different shapes, \(2, 4\) and \(3, 5\)",
        ),
        (
            collate_tensors,
            ("text", "text"),
            "a data set gave str as an input; expected is a",
        ),
    ],
)
def test_inputs_that_do_not_fit_each_other(collate: Any, inputs: Any, sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        collate([(one, 0) for one in inputs])


def test_the_parts_of_a_batch_must_fit() -> None:
    inputs, targets = torch.zeros(3, 5, 2), torch.zeros(3, 4, dtype=torch.int64)
    for good in (None, torch.ones(3, 5), torch.ones(3, 4)):  # L of the inputs, or of the targets
        batch = Batch(inputs, targets, mask=good)
        assert check_batch(batch) is batch
    several = {"a": torch.zeros(3, 5), "b": torch.zeros(2, 5)}
    with pytest.raises(SpikedistillError, match="the inputs of one batch have 3 and 2 samples"):
        check_batch(Batch(several, targets))


@pytest.mark.parametrize(
    "shape",
    [
        (3, 6),
        (2, 5),
        pytest.param((3,), marks=pytest.mark.wrong_types),
        pytest.param((3, 5, 2), marks=pytest.mark.wrong_types),
    ],
)
def test_a_mask_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    targets = torch.zeros(3, 4, dtype=torch.int64)
    with pytest.raises(SpikedistillError) as caught:
        check_batch(Batch(torch.zeros(3, 5, 2), targets, mask=torch.ones(shape)))
    assert str(caught.value) == (
        f"the mask of a batch has shape {list(shape)}; expected is [B, L] with B = 3 samples and L "
        "one of [4, 5], true where a position counts"
    )


class Words(Dataset[Any]):
    """Sequences of lengths 1, 2, 3, 1, 2, ..."""

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.full((index % 3 + 1,), index + 1), index % 2


def test_a_loader_makes_its_batches_so_and_checks_them() -> None:
    loader = Loader(Words(), 4, collate=collate_sequences)
    first, second = loader.epoch(0)
    assert plain(first.inputs) == [[1, 0, 0], [2, 2, 0], [3, 3, 3], [4, 0, 0]]
    assert plain(second.index) == [4, 5, 6] and plain(second.mask[:, 1]) == [True, True, False]  # type: ignore
    assert len(loader.of(Words())) == 2
    assert plain(next(loader.of(Words()).epoch(0)).mask) == plain(first.mask)

    def wrong(samples: Any) -> Batch:
        made = collate_sequences(samples)
        return Batch(made.inputs, made.targets, mask=made.mask[:, :1])  # type: ignore[index]

    with pytest.raises(SpikedistillError, match=r"the mask of a batch has shape \[4, 1\]"):
        next(Loader(Words(), 4, collate=wrong).epoch(0))


@pytest.mark.parametrize("collate", [collate_images, collate_tensors, collate_sequences])
def test_a_sample_that_is_no_pair_is_named(collate: Any) -> None:
    image = torch.zeros(1, 4, 4)
    with pytest.raises(SampleFault, match="it is None; expected is a pair") as caught:
        collate([(image, 0), None])
    assert caught.value.position == 1
    with pytest.raises(SampleFault, match="gave None as a target") as caught:
        collate([(image, 0), (image, 1), (image, None)])
    assert caught.value.position == 2
