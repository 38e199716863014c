from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import cifar10


def remove(folder):
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def test_binary_records_are_a_label_and_three_planes(small_cifar10):
    source = cifar10.load(small_cifar10)
    record = (small_cifar10 / "cifar-10-batches-bin" / "data_batch_2.bin").read_bytes()
    image = source.train.images[20]  # the first of the second file
    assert int(source.train.labels[20]) == record[0]
    assert image[0, 0, 0] == record[1]  # red, first row
    assert image[0, 1, 0] == record[1 + 32]  # red, second row
    assert image[1, 0, 5] == record[1 + 1024 + 5]  # green
    assert image[2, 31, 31] == record[3072]  # blue, last
    assert len(source.train) == 100 and len(source.test) == 20
    assert source.notes == ()
    assert set(source.hashes) == {file.name for file in cifar10.BINARY.files}


def test_both_forms_hold_the_same(small_cifar10):
    binary = cifar10.load(small_cifar10)
    remove(small_cifar10 / "cifar-10-batches-bin")
    pickled = cifar10.load(small_cifar10)
    assert set(pickled.hashes) == {file.name for file in cifar10.PYTHON.files}
    assert torch.equal(binary.train.images, pickled.train.images)
    assert torch.equal(binary.test.labels, pickled.test.labels)


def test_a_complete_form_is_preferred_to_an_incomplete_one(small_cifar10):
    (small_cifar10 / "cifar-10-batches-bin" / "test_batch.bin").unlink()
    assert "data_batch_1" in cifar10.load(small_cifar10).hashes


def test_the_root_may_be_the_folder_itself(small_cifar10):
    source = cifar10.load(small_cifar10 / "cifar-10-batches-py")
    assert len(source.train) == 100


def test_a_truncated_binary_file_gets_a_sentence(small_cifar10):
    remove(small_cifar10 / "cifar-10-batches-py")
    path = small_cifar10 / "cifar-10-batches-bin" / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(SpikedistillError) as error:
        cifar10.load(small_cifar10)
    official = cifar10.BINARY.train[2]
    for fact in (path, "it has 60,460 bytes", f"{official.size:,}", official.md5, "Krizhevsky"):
        assert str(fact) in str(error.value)


def test_a_changed_file_gives_one_note_and_its_hash(small_cifar10):
    path = small_cifar10 / "cifar-10-batches-bin" / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    source = cifar10.load(small_cifar10)
    assert len(source.notes) == 1
    assert "1 of 6 files" in source.notes[0] and "data_batch_3.bin" in source.notes[0]
    assert source.hashes["data_batch_3.bin"] != f"md5:{cifar10.BINARY.train[2].md5}"


def test_a_missing_file_gets_a_sentence(small_cifar10):
    remove(small_cifar10 / "cifar-10-batches-py")
    (small_cifar10 / "cifar-10-batches-bin" / "data_batch_4.bin").unlink()
    with pytest.raises(SpikedistillError, match=r"data_batch_4\.bin was looked for in .*-bin"):
        cifar10.load(small_cifar10)


def test_a_missing_data_set_gets_a_sentence(tmp_path):
    with pytest.raises(SpikedistillError) as error:
        cifar10.load(tmp_path)
    for fact in (
        tmp_path / "cifar-10-batches-bin",
        tmp_path / "cifar-10-batches-py",
        "30,730,000 bytes",
        "c99cafc152244af753f735de768cd75f",
        "University of Toronto",
        "SPIKEDISTILL_DATA",
    ):
        assert str(fact) in str(error.value)


def test_a_truncated_pickle_gets_a_sentence(small_cifar10):
    remove(small_cifar10 / "cifar-10-batches-bin")
    path = small_cifar10 / "cifar-10-batches-py" / "test_batch"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(SpikedistillError, match=r"test_batch is damaged: 5,000 bytes do not"):
        cifar10.load(small_cifar10)


@pytest.mark.parametrize(
    "record",
    [
        {b"data": np.zeros((20, 100), np.uint8), b"labels": [0] * 20},
        {b"data": np.zeros((20, 3072), np.uint8), b"labels": [0] * 19},
        {b"data": np.zeros((20, 3072), np.uint8)},
        {b"data": np.zeros((20, 3072), np.float64), b"labels": [0] * 20},
        [1, 2],
    ],
)
def test_a_pickle_of_something_else_gets_a_sentence(small_cifar10, record):
    remove(small_cifar10 / "cifar-10-batches-bin")
    path = small_cifar10 / "cifar-10-batches-py" / "test_batch"
    path.write_bytes(pickle.dumps(record, protocol=2))
    with pytest.raises(SpikedistillError, match="test_batch is damaged"):
        cifar10.load(small_cifar10)


def test_an_evil_pickle_is_refused(small_cifar10):
    class Evil:
        def __reduce__(self):
            import os

            return os.system, (f"touch {small_cifar10}/owned",)

    remove(small_cifar10 / "cifar-10-batches-bin")
    path = small_cifar10 / "cifar-10-batches-py" / "data_batch_1"
    path.write_bytes(pickle.dumps({b"data": Evil()}, protocol=2))
    with pytest.raises(SpikedistillError, match=r"asks for posix\.system"):
        cifar10.load(small_cifar10)
    assert not (small_cifar10 / "owned").exists()


@pytest.mark.data
def test_the_real_files(data_dir):
    if not (data_dir / "cifar-10-batches-bin").is_dir():
        pytest.skip(f"no cifar-10-batches-bin in {data_dir}")
    source = cifar10.load(data_dir)
    assert source.train.labels.bincount().tolist() == [5000] * 10
    assert source.test.labels.bincount().tolist() == [1000] * 10
    mean = source.train.images.double().mean((0, 2, 3)) / 255
    assert mean.tolist() == pytest.approx([0.49140, 0.48216, 0.44653], abs=1e-5)
    official = {file.name: f"md5:{file.md5}" for file in cifar10.BINARY.files}
    # A copy in which some images are not exact gives one note; the official one gives none.
    assert len(source.notes) == int(source.hashes != official)
