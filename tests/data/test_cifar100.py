from __future__ import annotations

import pytest
import torch

from spikedistill.data import cifar100, data_set


def drop_binary(root):
    for file in (root / "cifar-100-binary").iterdir():
        file.unlink()
    (root / "cifar-100-binary").rmdir()


@pytest.mark.parametrize("labels, count", [("fine", 100), ("coarse", 20)])
def test_both_forms_hold_the_same(small_cifar100, labels, count):
    binary = cifar100.load(small_cifar100, labels)
    drop_binary(small_cifar100)
    pickled = cifar100.load(small_cifar100, labels)
    assert torch.equal(binary.train.images, pickled.train.images)
    assert torch.equal(binary.test.labels, pickled.test.labels)
    assert binary.classes == pickled.classes == tuple(f"{labels} {i}" for i in range(count))
    assert int(binary.train.labels.max()) == count - 1
    assert "train" in pickled.hashes and "train.bin" in binary.hashes
    assert binary.notes == pickled.notes == ()


def test_the_fine_label_is_the_second_byte(small_cifar100):
    record = (small_cifar100 / "cifar-100-binary" / "train.bin").read_bytes()[3074 * 7 :]
    fine, coarse = cifar100.load(small_cifar100), cifar100.load(small_cifar100, "coarse")
    assert int(coarse.train.labels[7]) == record[0] == 1
    assert int(fine.train.labels[7]) == record[1] == 7
    assert fine.train.images[7, 0, 0, 0] == record[2]


def test_names_are_numbers_where_the_official_ones_are_missing(small_cifar100):
    (small_cifar100 / "cifar-100-binary" / "coarse_label_names.txt").unlink()
    assert cifar100.load(small_cifar100, "coarse").classes == tuple(map(str, range(20)))


@pytest.mark.data
@pytest.mark.parametrize("form", ["cifar-100-python", "cifar-100-binary"])
def test_the_real_files_are_the_official_ones(data_dir, form):
    if not (data_dir / form).is_dir():
        pytest.skip(f"no {form} in {data_dir}")
    source = cifar100.load(data_dir / form)
    assert source.notes == ()
    if form == "cifar-100-python":
        assert source.hashes["train"] == "md5:16019d7e3df5f24257cddd939b257f8d"
        assert source.hashes["meta"] == "md5:7973b15100ade9c7d40fb424638fde48"
    assert source.train.labels.bincount().tolist() == [500] * 100
    assert source.test.labels.bincount().tolist() == [100] * 100
    assert source.classes[:3] == ("apple", "aquarium_fish", "baby")
    mean = source.train.images.double().mean((0, 2, 3)) / 255
    assert mean.tolist() == pytest.approx([0.50708, 0.48655, 0.44092], abs=1e-5)


@pytest.mark.data
def test_the_real_coarse_labels(data_dir):
    if not (data_dir / "cifar-100-binary").is_dir():
        pytest.skip(f"no cifar-100-binary in {data_dir}")
    data = data_set("cifar100", data_dir, labels="coarse")
    assert data.classes[0] == "aquatic_mammals" and len(data.classes) == 20
    assert data.test.labels.bincount().tolist() == [500] * 20
    assert data.valid.labels.bincount().tolist() == [250] * 20
