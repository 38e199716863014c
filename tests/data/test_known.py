from __future__ import annotations

from pathlib import Path

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import DATA, data_set
from spikedistill.data._dataset import length
from spikedistill.data._known import blank, known, sizes


@pytest.mark.parametrize(
    ("name", "labels", "classes", "shape"),
    [
        ("cifar10", None, 10, (3, 32, 32)),
        ("cifar100", None, 100, (3, 32, 32)),
        ("cifar100", "coarse", 20, (3, 32, 32)),
        ("mnist", None, 10, (1, 28, 28)),
    ],
)
def test_blank_data_have_the_published_shape(
    name: str, labels: str | None, classes: int, shape: tuple[int, ...]
) -> None:
    data = blank(name, 7, {"labels": labels})
    assert data is not None and data.name == name
    assert (len(data.classes), data.example().inputs.shape[1:]) == (classes, shape)
    assert length(data.train) == 7 and len(data.mean) == len(data.std) == shape[0]


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("cifar10dvs", {}, (10, 2, 128, 128)),
        ("cifar10dvs", {"size": 48, "timesteps": 4}, (4, 2, 48, 48)),
        ("dvsgesture", {"timesteps": 20}, (20, 2, 128, 128)),
    ],
)
def test_blank_recordings_have_frames(
    name: str, options: dict[str, int], shape: tuple[int, ...]
) -> None:
    data = blank(name, 3, options)
    assert data is not None and data.example().inputs.shape[1:] == shape and data.frames == shape[0]
    assert length(data.train) == 3 and len(data.mean) == 2


def test_sizes_where_the_test_samples_are_drawn() -> None:
    drawn = sizes("cifar10dvs", 0.1, None, {"split": "random"})
    assert (drawn.train, drawn.valid, drawn.test) == (8_000, 1_000, 1_000)
    named = sizes("cifar10dvs", 0.1, None, {"split": "last900"})
    assert (named.train, named.valid, named.test) == (8_100, 900, 1_000)


def test_what_only_the_files_know_is_not_guessed() -> None:
    assert all(blank(name, 7) is None for name in ("imagefolder", "digits", "nmnist"))


def test_a_folder_that_must_hold_a_published_set() -> None:
    options = {"published": "imagenet", "size": 64}
    data = blank("imagefolder", 2, options)
    assert data is not None and (len(data.classes), data.example().inputs.shape[1:]) == (
        1000,
        (3, 64, 64),
    )
    found = sizes("imagefolder", 10_000, None, options)
    assert (found.train, found.valid, found.test) == (1_271_167, 10_000, 50_000)
    with pytest.raises(SpikedistillError, match="only its files know"):
        sizes("imagefolder", None, None, {"size": 64})


def test_sizes_of_the_splits() -> None:
    one, two = sizes("cifar10", None, None), sizes("mnist", 10_000, 128)
    assert (one.train, one.valid, one.test) == (45_000, 5_000, 10_000)
    assert (two.train, two.valid, two.test) == (128, 10_000, 10_000)


@pytest.mark.parametrize(("valid", "limit"), [(1.5, None), (60_001, None), (0.5, 30_001), (0, 0)])
def test_impossible_sizes_are_refused(valid: float, limit: int | None) -> None:
    with pytest.raises(SpikedistillError, match="expected is a count"):
        sizes("mnist", valid, limit)


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(name for name in DATA.names() if known(name)))
def test_the_files_say_the_same(name: str, data_dir: Path) -> None:
    try:
        data = data_set(name, data_dir, valid=0.2, train_limit=1000)
    except SpikedistillError as problem:
        pytest.skip(str(problem))
    told, like = sizes(name, 0.2, 1000), blank(name, 1)
    assert like is not None
    assert like.example().inputs.shape == data.example().inputs.shape
    assert len(like.classes) == len(data.classes)
    found = tuple(length(split) for split in (data.train, data.valid, data.test))
    assert found == (told.train, told.valid, told.test)
