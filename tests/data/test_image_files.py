"""Image files: one is decoded, many are looked at before the start."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import _image_files
from spikedistill.data._image_files import check_images, decode, endings, formats


def noise(path: Path, side: int = 32) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def cut(path: Path, share: float) -> Path:
    whole = noise(path).read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path


def test_what_is_read_is_what_pillow_opens_by_itself() -> None:
    common = {".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm"}
    assert common <= endings()
    assert not endings() & {".pdf", ".eps", ".ps", ".h5", ".mpg", ".txt", ".heic", ""}
    assert "EPS" not in formats() and "JPEG" in formats()


def test_the_first_of_several_images(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), (value, 0, 0)) for value in (10, 200)]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    assert decode(tmp_path / "a.tif").getpixel((0, 0)) == (10, 0, 0)


def test_faults_and_what_is_said_of_them(tmp_path: Path) -> None:
    good = noise(tmp_path / "good.png")
    body, head = cut(tmp_path / "body.jpg", 0.6), cut(tmp_path / "head.png", 0.005)
    empty, text, floats = (tmp_path / name for name in ("empty.png", "text.png", "floats.tif"))
    empty.touch()
    text.write_text("no image")
    Image.fromarray(np.zeros((2, 2), np.float32)).save(floats)
    gone = tmp_path / "gone.png"
    gone.symlink_to(tmp_path / "nowhere")
    found = check_images([good, body, head, empty, text, floats, gone])
    assert (found.opened, found.decoded) == (7, 2) and not found.large
    assert found.faults.keys() == {body, head, empty, text, floats, gone}
    for path, words in {
        body: "truncated",
        head: "holds no image of a type that is read",
        empty: "is empty",
        text: "holds no image of a type that is read",
        floats: "floating-point",
        gone: "No such file",
    }.items():
        assert words in found.faults[path]
        with pytest.raises(
            SpikedistillError, match=rf"{path.name} is no image that can be read \("
        ):
            decode(path)


def test_images_above_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    paths = [tmp_path / f"{side}.png" for side in (10, 14, 15)]
    for path in paths:
        Image.new("1", (int(path.stem),) * 2).save(path)
    found = check_images(paths)
    assert found.faults == {paths[2]: "has 225 pixels, and 200 are the limit: make it smaller"}
    assert found.large == {paths[1]: 196}
    with pytest.raises(SpikedistillError, match=r"15\.png is .* \(has 225 pixels"):
        decode(paths[2])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert not check_images(paths).faults and not check_images(paths).large


def test_of_many_those_that_are_spread_over_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{number:03}.png" for number in range(101)]
    for path in paths:
        path.touch()
    monkeypatch.setattr(_image_files, "HEADERS", 11)
    monkeypatch.setattr(_image_files, "DECODED", 5)
    found = check_images(paths)
    ten, four = range(0, 101, 10), (25, 75)
    assert [path.stem for path in found.faults] == [f"{at:03}" for at in (*ten, *four)]
    assert found.faults[paths[25]] == "is empty" and (found.opened, found.decoded) == (11, 2)


def test_no_warning_of_pillow_reaches_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    check_images([noise(tmp_path / "a.png", 12)])
    assert not recwarn.list
