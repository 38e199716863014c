from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import DataSet, Loader, Split, data_set
from spikedistill.data._dataset import labels_of
from spikedistill.data._label_noise import noisy


class Images(Dataset):
    """A torch data set; with or without its labels at hand."""

    def __init__(self, known: bool, labels: torch.Tensor) -> None:
        self.labels_inside, self.loaded = labels, []
        if known:
            self.targets = labels.tolist()

    def __len__(self) -> int:
        return len(self.labels_inside)

    def __getitem__(self, index: int):
        self.loaded.append(index)
        return torch.full((1, 2, 2), index / 100), self.labels_inside[index]


def made(train, classes: int = 10) -> DataSet:
    clean = Split(torch.zeros(7, 1, 2, 2, dtype=torch.uint8), torch.arange(7))
    return DataSet("mine", train, clean, clean, tuple(map(str, range(classes))), (0.5,), (0.5,))


def split(count: int = 100) -> Split:
    return Split(torch.zeros(count, 1, 2, 2, dtype=torch.uint8), torch.arange(count) % 10)


def test_nothing_or_zero_changes_nothing():
    plain, zero = data_set("digits"), data_set("digits", label_noise=0.0)
    for name in ("train", "valid", "test"):
        assert torch.equal(getattr(plain, name).labels, getattr(zero, name).labels)
        assert torch.equal(getattr(plain, name).images, getattr(zero, name).images)
    assert zero.notes == plain.notes
    data = made(split())
    assert noisy(data, 0.0, 0) is data


def test_exactly_the_share_of_the_training_labels_is_wrong_and_no_other_label():
    plain = data_set("digits", seed=3, train_limit=500)
    data = data_set("digits", seed=3, train_limit=500, label_noise=0.2)
    assert torch.equal(data.train.images, plain.train.images)
    assert (data.train.labels != plain.train.labels).sum() == 100
    assert set(data.train.labels.tolist()) == set(range(10))
    for name in ("valid", "test"):
        assert torch.equal(getattr(data, name).labels, getattr(plain, name).labels)
        assert torch.equal(getattr(data, name).images, getattr(plain, name).images)
    [note] = set(data.notes) - set(plain.notes)
    assert note.startswith("Label noise 0.2: 100 of the 500 training labels are another class")


def test_the_seed_decides_which_and_a_larger_share_contains_a_smaller_one():
    data, labels = made(split()), torch.arange(100) % 10
    small, again, other = (noisy(data, 0.3, seed).train.labels for seed in (1, 1, 2))
    large = noisy(data, 0.6, 1).train.labels
    assert torch.equal(small, again) and not torch.equal(small, other)
    wrong = small != labels
    assert (wrong.sum(), (other != labels).sum(), (large != labels).sum()) == (30, 30, 60)
    assert torch.equal(large[wrong], small[wrong])


def test_every_other_class_is_drawn_about_equally_often():
    labels = torch.zeros(9000, dtype=torch.int64)
    train = Split(torch.zeros(9000, 1, 1, 1, dtype=torch.uint8), labels)
    counts = noisy(made(train), 0.5, 0).train.labels.bincount(minlength=10)
    assert counts[0] == 4500
    assert counts[1:].min() > 420 and counts[1:].max() < 580  # 500 each, spread 21


@pytest.mark.parametrize("known", [True, False])
def test_a_torch_data_set_stays_lazy_and_gets_the_same_wrong_labels(known):
    labels = torch.arange(100) % 10
    inner = Images(known, labels)
    wrapped = noisy(made(inner), 0.25, 5).train
    assert inner.loaded == [] and len(wrapped) == 100
    expected = noisy(made(split()), 0.25, 5).train.labels
    found = labels_of(wrapped)
    assert torch.equal(found, expected) if known else found is None
    batches = list(Loader(wrapped, batch_size=40).epoch(0))
    assert torch.equal(torch.cat([batch.targets for batch in batches]), expected)
    assert batches[0].inputs[7, 0, 0, 0].item() == pytest.approx(0.07)
    assert next(iter(DataLoader(wrapped, 3)))[1].tolist() == expected[:3].tolist()


def test_two_classes_are_swapped():
    train = Split(torch.zeros(10, 1, 2, 2, dtype=torch.uint8), torch.arange(10) % 2)
    assert noisy(made(train, classes=2), 0.5, 0).train.labels.max() == 1


@pytest.mark.parametrize("share", [1.5, 1.0, -0.1, float("nan"), True])
def test_shares_that_are_none_are_refused(share):
    with pytest.raises(SpikedistillError, match=f"a label noise of {share} is no share"):
        data_set("digits", label_noise=share)


def test_targets_that_are_no_classes_are_refused():
    soft = noisy(made(Images(False, torch.rand(5, 10))), 0.2, 0).train
    with pytest.raises(SpikedistillError, match="moves classes, and the target of sample 0 is"):
        soft[0]
    with pytest.raises(SpikedistillError, match="by another one, and mine has 1"):
        noisy(made(split(), classes=1), 0.2, 0)
