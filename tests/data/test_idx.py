from __future__ import annotations

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import data_set, fashion_mnist


def test_images_and_labels_are_read(small_idx):
    _, module, folder, arrays = small_idx
    source = module.load(folder.parents[1])
    assert source.train.images.shape == (60, 1, 28, 28)
    assert (source.train.images[:, 0].numpy() == arrays["train-images-idx3-ubyte"]).all()
    assert source.test.labels.tolist() == arrays["t10k-labels-idx1-ubyte"].tolist()
    assert source.notes == ()
    assert len(source.classes) == 10


def test_gzip_files_are_read_in_place(small_idx, pack):
    _, module, folder, _ = small_idx
    plain = module.load(folder.parents[1])
    for file in list(folder.iterdir()):
        pack(file)
    packed = module.load(folder.parents[1])
    assert (packed.train.images == plain.train.images).all()
    assert packed.hashes == plain.hashes  # of what is inside


def test_a_truncated_gzip_gets_a_sentence(small_idx, pack):
    _, module, folder, _ = small_idx
    packed = pack(folder / "train-images-idx3-ubyte")
    packed.write_bytes(packed.read_bytes()[:-200])
    with pytest.raises(SpikedistillError, match=r"ubyte\.gz is damaged: it does not unpack"):
        module.load(folder.parents[1])


def test_no_gzip_at_all_gets_a_sentence(small_idx, pack):
    _, module, folder, _ = small_idx
    pack(folder / "train-images-idx3-ubyte").write_bytes(b"<html>not found</html>")
    with pytest.raises(SpikedistillError, match="it does not unpack"):
        module.load(folder.parents[1])


def test_a_bad_magic_number_gets_a_sentence(small_idx):
    _, module, folder, _ = small_idx
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(b"\x00\x00\x0d\x03" + path.read_bytes()[4:])
    with pytest.raises(SpikedistillError, match="begins with 00000d03 instead of 00000803"):
        module.load(folder.parents[1])


def test_sizes_that_do_not_fit_get_a_sentence(small_idx):
    _, module, folder, _ = small_idx
    path = folder / "t10k-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[7] = 21
    path.write_bytes(bytes(content))
    with pytest.raises(SpikedistillError, match="announces 21 x 28 x 28 values and holds 15,680"):
        module.load(folder.parents[1])


def test_the_public_name_reaches_the_file(small_idx):
    name, _, folder, _ = small_idx
    data = data_set(name, folder.parents[1])
    assert (len(data.train), len(data.valid), len(data.test)) == (54, 6, 20)
    assert data.name == name and data.example().inputs.shape[1:] == (1, 28, 28)


@pytest.mark.data
def test_the_real_fashion_mnist_is_the_official_one(data_dir):
    if not (data_dir / "FashionMNIST").is_dir():
        pytest.skip(f"no FashionMNIST in {data_dir}")
    source = fashion_mnist.load(data_dir)
    assert source.notes == ()
    assert source.train.labels.bincount().tolist() == [6000] * 10
    assert source.test.labels.bincount().tolist() == [1000] * 10
    pixels = source.train.images.double() / 255
    assert pixels.mean().item() == pytest.approx(source.mean[0], abs=1e-4)
    assert pixels.std().item() == pytest.approx(source.std[0], abs=1e-4)
