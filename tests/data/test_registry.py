from __future__ import annotations

import pytest
import torch
from torch.utils.data import TensorDataset

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import DATA, data_set, handed_over


def test_every_data_set_is_a_file():
    images = {"cifar10", "cifar100", "digits", "fashion-mnist", "imagefolder", "mnist"}
    assert DATA.names() == tuple(sorted(images | {"nmnist", "cifar10dvs", "dvsgesture"}))


def test_valid_is_a_count_or_a_share(small_cifar10):
    for valid, count in ((30, 30), (0.2, 20), (None, 10), (0, 0)):
        data = data_set("cifar10", small_cifar10, valid=valid)
        assert (len(data.train), len(data.valid), len(data.test)) == (100 - count, count, 20)
        assert len(set(data.valid.labels.bincount().tolist()) - {0}) <= 1  # stratified


def test_splits_are_a_function_of_the_seed(small_cifar10):
    one, same, other = (data_set("cifar10", small_cifar10, seed=s) for s in (1, 1, 2))
    assert torch.equal(one.valid.images, same.valid.images)
    assert torch.equal(one.train.images, same.train.images)
    assert not torch.equal(one.valid.images, other.valid.images)
    assert torch.equal(one.test.images, other.test.images)


def test_valid_and_train_are_the_official_training_split(small_cifar10):
    whole = data_set("cifar10", small_cifar10, valid=0).train.images
    data = data_set("cifar10", small_cifar10)
    parts = torch.cat([data.train.images, data.valid.images]).flatten(1)
    assert torch.equal(parts.unique(dim=0), whole.flatten(1).unique(dim=0))


def test_train_limit_is_stratified_and_leaves_validation_alone(small_cifar10):
    whole, small = (data_set("cifar10", small_cifar10, train_limit=n) for n in (None, 40))
    assert len(small.train) == 40
    assert small.train.labels.bincount().tolist() == [4] * 10
    assert torch.equal(small.valid.images, whole.valid.images)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"name_or_call": "cifar11"}, "no data set 'cifar11'; did you mean 'cifar10'"),
        ({"name_or_call": "cifar10", "label": 1}, "cifar10 has no option 'label'"),
        ({"name_or_call": "cifar100", "labels": "corse"}, "did you mean 'coarse'"),
        ({"name_or_call": "cifar100", "label": "fine"}, "did you mean 'labels'"),
        ({"name_or_call": "digits", "valid": 1.5}, "valid=1.5: expected is a count, or a share"),
        ({"name_or_call": "digits", "valid": -1}, "valid=-1"),
        ({"name_or_call": "digits", "valid": True}, "valid=True"),
        ({"name_or_call": "digits", "valid": 5000}, "of the 1,438 training samples"),
        ({"name_or_call": "digits", "valid": 1438}, "nothing is left to train on"),
        ({"name_or_call": "digits", "train_limit": 0}, "train_limit=0"),
        ({"name_or_call": {"cal": "a:b"}}, "names no function"),
    ],
)
def test_bad_arguments_get_sentences(arguments, sentence):
    with pytest.raises(SpikedistillError, match=sentence.replace("(", r"\(")):
        data_set(**arguments)


def test_labels_out_of_range_get_a_sentence(small_cifar10, monkeypatch):
    path = small_cifar10 / "cifar-10-batches-bin" / "test_batch.bin"
    path.write_bytes(b"\x0b" + path.read_bytes()[1:])
    with pytest.raises(
        SpikedistillError,
        match=r"labels of test run from 0 to 11 \(the first wrong one, 11, is of its sample 0",
    ):
        data_set("cifar10", small_cifar10)


def test_a_share_that_is_no_sample_is_said():
    few = TensorDataset(torch.rand(4, 1, 4, 4), torch.arange(4))
    found = handed_over("few", few)
    assert not len(found.valid) and not len(found.test)
    assert "few has 4 training samples, of which a share of 0.1 is none" in found.notes[-1]
    assert "as valid and test;" in found.notes[-1]
    assert not any("is none" in note for note in handed_over("few", (few, few), 0, 0).notes)
