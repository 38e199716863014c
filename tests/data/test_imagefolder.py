from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from spikedistill.core.errors import MissingDataError, SpikedistillError
from spikedistill.data import Loader, _image_files, data_set
from spikedistill.data.imagefolder import load


def paint(path, colour, size=(20, 10)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, "JPEG" if path.suffix == ".jfif" else None)
    return path


@pytest.fixture
def photos(tmp_path):
    for i in range(10):
        paint(tmp_path / f"train/cat/{i}.png", (255, 0, 0))
        paint(tmp_path / f"train/dog/{i}.jpg", (0, 0, 255), (9, 16))
    paint(tmp_path / "val/cat/a.png", (255, 0, 0))
    paint(tmp_path / "test/dog/b.png", (0, 0, 255))
    (tmp_path / "train/cat/notes.txt").write_text("not an image")
    return tmp_path


def test_splits_classes_and_pixels(photos):
    data = data_set("imagefolder", root=photos, size=8)
    assert data.classes == ("cat", "dog") and data.example().inputs.shape[1:] == (3, 8, 8)
    assert (len(data.train), len(data.valid), len(data.test)) == (20, 1, 1)
    image, label = data.train[0]
    assert label == 0 and torch.equal(image, torch.tensor([1.0, 0, 0])[:, None, None] * image)
    assert image.min() == 0 and image.max() == 1
    assert data.test[0][1] == 1


def test_the_centre_is_cut_out(tmp_path):
    # 12 wide, 4 high: columns 4..7 are the centre
    pixels = np.zeros((4, 12, 3), np.uint8)
    pixels[:, 4:8] = 255
    for name in ("a", "b"):
        (tmp_path / "train" / name).mkdir(parents=True)
        for i in range(5):
            Image.fromarray(pixels).save(tmp_path / "train" / name / f"{i}.png")
    data = data_set("imagefolder", root=tmp_path, size=4)
    assert data.train[0][0].mean() == 1
    wide = data_set("imagefolder", root=tmp_path, size=4, resize=8)
    assert wide.train[0][0].shape == (3, 4, 4)


def test_without_test_the_validation_images_are_the_test(photos):
    (photos / "test/dog/b.png").unlink()
    (photos / "test/dog").rmdir()
    (photos / "test").rmdir()
    data = data_set("imagefolder", root=photos, size=8)
    assert (len(data.train), len(data.valid), len(data.test)) == (18, 2, 1)
    assert len(data.notes) == 2 and "no test/" in data.notes[0]
    assert data.notes[1] == f"{photos / 'train'} holds 1 file that is not read (.txt)."
    assert sorted(data.valid[i][1] for i in range(2)) == [0, 1]  # stratified


def test_training_images_only_are_cut_in_three(tmp_path):
    for i in range(10):
        paint(tmp_path / f"train/a/{i}.png", (9, 9, 9))
        paint(tmp_path / f"train/b/{i}.png", (9, 9, 9))
    data = data_set("imagefolder", root=tmp_path, size=8)
    assert (len(data.train), len(data.valid), len(data.test)) == (16, 2, 2)


def test_it_loads_in_batches_also_with_workers(photos):
    data = data_set("imagefolder", root=photos, size=8)
    plain = list(Loader(data.train, 8, seed=3, shuffle=True).epoch(1))
    worked = list(Loader(data.train, 8, seed=3, shuffle=True, workers=1).epoch(1))
    assert [b.targets.tolist() for b in plain] == [b.targets.tolist() for b in worked]
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(plain, worked, strict=True))
    red = plain[0].inputs[:, 0].mean((1, 2)) > 0.5
    assert torch.equal(red, plain[0].targets == 0)


@pytest.mark.parametrize(
    "change, sentence",
    [
        (lambda p: (p / "train").rename(p / "training"), "train holds 0 classes"),
        (lambda p: paint(p / "test/fish/x.png", (0, 0, 0)), r"classes that train/ lacks \(fish\)"),
        (lambda p: (p / "test/dog/b.png").unlink(), "test holds no images"),
        (
            lambda p: (
                (p / "train/zebra").mkdir(),
                (p / "train/zebra/a.heic").touch(),
                (p / "train/ant").mkdir(),
            ),
            r"train: 2 class folders hold no image that is read: ant \(empty\), zebra \(1 file: "
            r"\.heic\); put images there",
        ),
        (
            lambda p: paint(p / "val/dog/a.png", (0, 0, 0)).rename(p / "val/dog/a.heic"),
            r"val: 1 class folder holds no image that is read: dog",
        ),
    ],
)
def test_bad_folders_get_sentences(photos, change, sentence):
    change(photos)
    with pytest.raises(SpikedistillError, match=sentence):
        data_set("imagefolder", root=photos, size=8)


def test_a_damaged_image_is_found_at_the_start(photos):
    path = photos / "train/cat/0.png"
    path.write_bytes(path.read_bytes()[:40])
    (photos / "train/dog/3.jpg").write_bytes(b"")
    (photos / "val/cat/a.png").write_text("text")
    with pytest.raises(SpikedistillError) as caught:
        data_set("imagefolder", root=photos, size=8)
    said = str(caught.value)
    assert f"2 of 20 images in {photos / 'train'} cannot be read: cat/0.png (" in said
    assert (
        ", dog/3.jpg (is empty); " in said
        and f"1 of 1 images in {photos / 'val'} cannot be read" in said
    )
    assert said.endswith("; remove or replace them")


def test_an_image_that_is_damaged_later_gets_a_sentence(photos):
    data = data_set("imagefolder", root=photos, size=8)
    path = photos / "train/cat/0.png"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(SpikedistillError, match=r"0\.png is no image that can be read"):
        data.train[0]


def test_of_many_images_some_are_looked_at_and_it_is_said(photos, monkeypatch):
    monkeypatch.setattr(_image_files, "HEADERS", 10)
    monkeypatch.setattr(_image_files, "DECODED", 4)
    data = data_set("imagefolder", root=photos, size=8)
    assert data.notes[-1].startswith("Of 22 images the headers of 12 and the whole of 6 were")
    (photos / "train/cat/0.png").write_bytes(b"")
    with pytest.raises(SpikedistillError, match="at least 1 of 20 images"):
        data_set("imagefolder", root=photos, size=8)


def test_hidden_files_are_passed_over_and_others_counted(photos):
    for name in ("train/.ipynb_checkpoints/x.png", "train/cat/._1.png", "train/cat/.DS_Store",
                 "train/__MACOSX/cat/1.png", "train/cat/Thumbs.db", "test/.ipynb_checkpoints/a",
                 "train/dog/@eaDir/1.jpg", "train/labels.csv", "train/dog/a.heic"):  # fmt: skip
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).touch()
    data = data_set("imagefolder", root=photos, size=8)
    assert data.classes == ("cat", "dog") and len(data.train) == 20
    assert data.notes == (
        f"{photos / 'train'} holds 3 files that are not read (.csv, .txt, .heic, 1 of them beside "
        "the class folders).",
    )


def test_other_types_small_endings_and_deep_folders(photos):
    for name in ("a.jfif", "b.GIF", "c.JPG", "deep/er/d.webp", "e.tga"):
        paint(photos / "train/cat" / name, (255, 0, 0))
    assert len(data_set("imagefolder", root=photos, size=8).train) == 25


def test_sixteen_bits_and_a_large_image(photos, monkeypatch):
    grey = np.full((8, 8), 32896, np.uint16)
    Image.fromarray(grey).save(photos / "test/dog/b.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 150)
    data = data_set("imagefolder", root=photos, size=8)
    assert torch.allclose(data.test[0][0], torch.tensor(128 / 255))
    note, _ = (text for text in data.notes if "more than 150 pixels" in text)
    assert "train: images of more than 150 pixels are read slowly, 10 of them: cat/0.png (" in note
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 90)
    with pytest.raises(SpikedistillError, match=r"has 200 pixels, and 180 are the limit: make it"):
        data_set("imagefolder", root=photos, size=8)


def test_size_and_resize_must_fit(photos):
    with pytest.raises(SpikedistillError, match="size 16 and resize 8"):
        data_set("imagefolder", root=photos, size=16, resize=8)


def test_a_folder_that_is_not_what_was_published(photos):
    with pytest.raises(SpikedistillError, match=r"20 images in 2 classes, and imagenet has 1,281,"):
        data_set("imagefolder", root=photos, size=8, published="imagenet")


def test_a_relative_root_may_lie_in_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    folder = tmp_path / "work" / "photos"
    for name in ("cat", "dog"):
        (folder / "train" / name).mkdir(parents=True)
        Image.new("L", (4, 4)).save(folder / "train" / name / "1.png")
    monkeypatch.chdir(tmp_path / "work")
    found = load(tmp_path / "data", "photos", size=4)
    assert found.classes == ("cat", "dog") and found.train[0][0].shape == (3, 4, 4)
    with pytest.raises(MissingDataError) as caught:
        load(tmp_path / "data", "fotos")
    assert "fotos does not exist; looked at" in str(caught.value)
    assert f"{tmp_path}/data/fotos and " in str(caught.value)
    assert f"{tmp_path}/work/fotos" in str(caught.value)
