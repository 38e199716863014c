"""A user's samples, looked at by value before the first step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import DataSet, Loader, class_counts, handed_over, name_of

IMAGES, LABELS = torch.rand(60, 3, 8, 8), torch.arange(60) % 5


class Rows(Dataset[Any]):
    """Samples that are made when they are asked for."""

    def __init__(self, make: Callable[[int], Any], count: int = 60) -> None:
        self.make, self.count = make, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return self.make(index)


def data(made: Any) -> DataSet:
    return handed_over("mine", made)


def with_hole(index: int) -> Tensor:
    images = IMAGES.clone()
    images[index, 1, 2, 3] = torch.nan
    return images


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (TensorDataset(with_hole(7), LABELS), "sample 7 of train of data mine has an image"),
        (Rows(lambda i: (with_hole(7)[i], i % 5)), "sample 7 of train of data mine has an image"),
        (TensorDataset(IMAGES, torch.rand(60, 1)), "a real number asks for a regression"),
        (TensorDataset(IMAGES, LABELS.float()), "has the label 0.0; expected is the number of a"),
        (TensorDataset(IMAGES, torch.rand(60, 4) + 1), "a label of 4 real numbers that sum to"),
        (Rows(lambda i: (IMAGES[i], "cat")), r"label 'cat'.*number your classes, as by \{name: n"),
        (Rows(lambda i: (IMAGES[i], None)), "sample 0 of train of data mine has the label None"),
        (Rows(lambda i: (torch.rand(3, 8 + i % 2, 8), 0)), r"sample 1 .* the shape \(3, 9, 8\)"),
        (Rows(lambda i: (IMAGES[i], [1, 2])), r"has the label \[1, 2\]"),
        (
            Rows(lambda i: (IMAGES[i], {0: 1}[i])),
            "sample 1 of train of data mine cannot be loaded: KeyError: 1",
        ),
        (Rows(lambda i: ("a.png", 0)), "sample 0 of train .* gave str as an image"),
        (TensorDataset(IMAGES, LABELS - 1), r"run from -1 to 3 \(the first wrong one, -1.*; add 1"),
        (
            {"train": TensorDataset(IMAGES, LABELS + 1), "classes": 5},
            r"labels of train run from 1 to 5 .* numbered from 0 to 4; subtract 1",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_sample_is_named(made: Any, sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        data(made)


def test_a_class_in_a_list_of_one_is_that_class() -> None:
    for made in (
        TensorDataset(IMAGES, LABELS[:, None]),
        Rows(lambda i: (IMAGES[i], np.array([i % 5]))),
    ):
        found = data(made)
        assert found.classes == tuple("01234")
        batch = next(Loader(found.train, 8).epoch(0))
        assert batch.targets.shape == (8,) and batch.targets.dtype == torch.int64


def test_classes_are_counted_over_all_splits() -> None:
    few = TensorDataset(IMAGES, LABELS.clamp(max=3))
    made = {"train": few, "test": TensorDataset(IMAGES, LABELS)}
    assert data(made).classes == tuple("01234") and data(made).counted
    assert (
        not data({**made, "classes": 9}).counted and len(data({**made, "classes": 9}).classes) == 9
    )


def test_a_tensor_data_set_is_split_in_the_shares_of_its_classes() -> None:
    found = data(TensorDataset(IMAGES, LABELS))
    for split in (found.test, found.valid):  # 6 samples of 5 classes
        assert {int(split[index][1]) for index in range(len(split))} == set(range(5))


@pytest.mark.parametrize(
    ("shape", "wanted", "noted"),
    [
        ((3, 16, 16), (3, 16, 16), True),
        ((16, 16, 3), (3, 16, 16), False),
        ((16, 16), (1, 16, 16), False),
        ((13, 16, 16), (13, 16, 16), True),
        ((16, 16, 13), (13, 16, 16), False),
        ((2, 1, 16, 16), (2, 1, 16, 16), True),
        ((2, 16, 16, 1), (2, 1, 16, 16), False),
    ],
)
def test_axes_of_numpy_images_are_those_that_are_meant(
    shape: tuple[int, ...], wanted: tuple[int, ...], noted: bool
) -> None:
    values = np.random.default_rng(0).random((60, *shape), np.float32)
    found = data(Rows(lambda i: (values[i], i % 5)))
    assert tuple(found.example().inputs.shape[1:]) == wanted
    assert any("read with channels first" in note for note in found.notes) == noted


@pytest.mark.parametrize(
    ("sample", "task"),
    [
        (np.zeros(7, np.float32), "vector_classification"),
        (np.zeros((2, 50), np.float32), "vector_classification"),
        (np.zeros((8, 8), np.float32), "image_classification"),
        (np.zeros((4, 9), np.uint8), "image_classification"),
        (torch.zeros(2, 50), "vector_classification"),
    ],
)
def test_vectors_and_signals_of_numpy_are_known_from_images(sample: Any, task: str) -> None:
    assert data(Rows(lambda i: (sample, i % 5))).task == task


def test_a_sample_that_is_wrong_later_is_named_in_its_batch() -> None:
    def make(index: int) -> tuple[Tensor, int]:
        if index == 70:
            return torch.zeros(3, 9, 9), 0
        if index == 71:
            raise OSError("disk on fire")
        return torch.zeros(3, 8, 8), 0

    rows = Rows(make, 80)
    with pytest.raises(SpikedistillError, match=r"^sample 70 of Rows: images of one batch"):
        next(Loader(torch.utils.data.Subset(rows, [69, 70]), 2).epoch(0))
    with pytest.raises(SpikedistillError, match=r"^sample 71 of Rows cannot be loaded: OSError"):
        next(Loader(torch.utils.data.Subset(rows, [0, 71]), 2).epoch(0))


VECTORS = torch.rand(60, 5)


def holed(index: int) -> Tensor:
    vectors = VECTORS.clone()
    vectors[index, 1] = torch.nan
    return vectors


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (Rows(lambda i: (holed(7)[i], i % 5)), "sample 7 of train of data mine has inputs with"),
        (Rows(lambda i: (torch.zeros(4 + i % 2), 0)), r"^sample 1 .* the shape \(5,\) and sam"),
        (Rows(lambda i: None if i == 9 else (VECTORS[i], 0)), "^sample 9 of .* is None; expected"),
        (Rows(lambda i: (VECTORS[i], 0.5 if i == 9 else 0)), "sample 9 of .* asks for a regr"),
        (TensorDataset(VECTORS, torch.eye(5).long().repeat(12, 1)), r".float\(\), or .*argmax"),
        (TensorDataset(LABELS[:, None], LABELS), r"whole numbers as inputs \(int64, .* .float\(\)"),
        (Rows(lambda i: ([1, 2, 3], 0)), "whole numbers as inputs"),
        (Rows(lambda i: (i, IMAGES[i], 0)), r"^sample 0 of .* is \(int, Tensor \(3, 8, 8\), int\)"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_vector_is_named(made: Any, sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        data(made)


def test_lists_of_real_numbers_are_vectors() -> None:
    assert data(Rows(lambda i: (VECTORS[i].tolist(), i % 5))).task == "vector_classification"


class Told(Rows):
    """Thrice as many classes are told as are returned, as before a `target_transform`."""

    def __init__(self, inputs: Tensor, told: list[int]) -> None:
        super().__init__(lambda i: (inputs[i], told[i] // 3), len(told))
        self.targets = told


@pytest.mark.parametrize("inputs", [IMAGES, VECTORS])
def test_labels_are_those_that_samples_return(inputs: Tensor) -> None:
    found = data(Told(inputs, (3 * LABELS).tolist()))
    assert found.classes == tuple("01234")
    assert sum(class_counts(found)) == 48 and min(class_counts(found)) >= 9
    for split in (found.test, found.valid):
        assert {int(split[index][1]) for index in range(len(split))} == set(range(5))  # type: ignore
    (note,) = [one for one in found.notes if "left alone" in one]
    assert "sample 1 is of class 3, and it returns 1" in note and "all 60 samples" in note
    assert name_of(found.test, 0).endswith(" of Told")


def test_labels_that_are_told_truly_are_not_read() -> None:
    rows = Rows(lambda i: (IMAGES[i], i % 5))
    rows.targets = LABELS.tolist()  # type: ignore[attr-defined]
    found = data(rows)
    assert not any("left alone" in note for note in found.notes)
    assert found.train.dataset is rows  # type: ignore
