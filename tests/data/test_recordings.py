from __future__ import annotations

import os
from functools import partial

import numpy as np
import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import Loader
from spikedistill.data._events import Events
from spikedistill.data._frame_cache import FrameCache
from spikedistill.data._frames import integrate
from spikedistill.data._recordings import Form, Recording, Recordings, found_folder, listing_hash


def read(path, log=None):
    """Two parts a file: as many events as the file has bytes, and one more."""
    if log is not None:
        log.append(path.name)
    if path.read_bytes() == b"bad":
        raise SpikedistillError(f"{path.name}: it is bad")
    size = len(path.read_bytes())
    return [
        Events(*(np.arange(n) % k for k in (n, 4, 3)), np.arange(n) % 2) for n in (size, size + 1)
    ]


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "set"
    found.mkdir()
    for i in range(4):
        (found / f"{i}.bin").write_bytes(bytes(5 + i))
    return found


def samples(folder, log=None, **options):
    form = Form(**({"timesteps": 3, "split_by": "number", "sensor": (4, 4)} | options))
    found = [Recording(folder / f"{i}.bin", i, part) for i in range(4) for part in (0, 1)]
    return Recordings(found, partial(read, log=log), form, FrameCache(folder, "x", form.text))


def test_a_sample_is_frames_of_counts_and_a_class(folder):
    frames, label = samples(folder)[3]
    expected = integrate(read(folder / "1.bin")[1], 3, "number", (4, 4))
    assert label == 1 and frames.dtype == torch.float32
    assert torch.equal(frames, torch.from_numpy(expected).float())
    assert samples(folder, size=2)[3][0].shape == (3, 2, 2, 2)


def test_a_file_is_read_once_for_all_its_parts_and_sizes(folder):
    log = []
    first, second = samples(folder, log), samples(folder, log, size=2)
    for data in (first, first, second):
        assert len([data[i] for i in range(len(data))]) == 8
    assert sorted(log) == ["0.bin", "1.bin", "2.bin", "3.bin"]
    samples(folder, log, split_by="time")[0]
    samples(folder, log, timesteps=4)[0]
    assert len(log) == 6


def test_changed_and_damaged_frames_are_made_again(folder):
    log = []
    data = samples(folder, log)
    before = data[0][0]
    (kept,) = (folder.parent / "frames-cache").rglob("0-0-*.safetensors")
    kept.write_bytes(kept.read_bytes()[:100])
    assert torch.equal(data[0][0], before) and log == ["0.bin"] * 2
    data.cache.store(kept, np.zeros(3))  # whole, but of another shape
    assert torch.equal(data[0][0], before) and log == ["0.bin"] * 3
    (folder / "0.bin").write_bytes(bytes(9))
    assert data[0][0].sum() == 9


def test_a_file_that_grows_while_it_is_read_is_not_kept(folder):
    data, plain = samples(folder), samples(folder).read

    def growing(path):
        found = plain(path)
        path.write_bytes(bytes(50))
        return found

    data.read = growing
    assert data[0][0].sum() == 5
    assert samples(folder)[0][0].sum() == 50


@pytest.mark.filterwarnings("ignore:This DataLoader will create 2 worker processes")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_recording_that_is_gone_gets_a_sentence_also_from_a_worker(folder, workers):
    data = samples(folder)
    (folder / "2.bin").unlink()
    with pytest.raises(SpikedistillError, match=r"2\.bin was found when .* cannot be read now: No"):
        list(Loader(data, 2, workers=workers).epoch(0))


def test_what_was_sorted_once_is_refused_all_the_same(folder):
    log = []
    samples(folder, log, unsorted="sort")[0]
    samples(folder, log)[0]
    assert log == ["0.bin"] * 2


def test_the_labels_are_known_without_reading(folder):
    log = []
    assert samples(folder, log).targets == [0, 0, 1, 1, 2, 2, 3, 3] and log == []


@pytest.mark.filterwarnings("ignore:This DataLoader will create 2 worker processes")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_recording_gets_its_sentence_also_from_a_worker(folder, workers):
    (folder / "2.bin").write_bytes(b"bad")
    with pytest.raises(SpikedistillError) as caught:
        list(Loader(samples(folder), 2, workers=workers).epoch(0))
    assert str(caught.value) == "2.bin: it is bad"


@pytest.mark.filterwarnings("ignore:This DataLoader will create 2 worker processes")
def test_workers_give_the_same_batches(folder):
    alone, helped = (list(Loader(samples(folder), 3, workers=n).epoch(0)) for n in (0, 2))
    assert [batch.inputs.shape for batch in alone] == [(3, 3, 2, 4, 4)] * 2 + [(2, 3, 2, 4, 4)]
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(alone, helped, strict=True))


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"timesteps": 0}, "data.timesteps is 0: a recording is cut into at least 1 frame"),
        ({"timesteps": True}, "data.timesteps is True and should"),
        ({"size": 5}, "data.size is 5 pixels, and the sensor has 4 x 4"),
        ({"size": 0}, "data.size is 0 pixels"),
    ],
)
def test_impossible_forms_get_sentences(folder, options, sentence):
    with pytest.raises(SpikedistillError, match=sentence):
        samples(folder, **options)


@pytest.mark.skipif(
    os.environ.get("SPIKEDISTILL_TYPECHECK") == "1", reason="the type check is faster"
)
@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"timesteps": 5.0}, "data.timesteps is 5.0 and should be a whole number"),
        ({"timesteps": None}, "data.timesteps is None and should"),
        ({"size": "17"}, "data.size is '17' and should be a whole number"),
    ],
)
def test_numbers_of_another_kind_get_sentences(folder, options, sentence):
    with pytest.raises(SpikedistillError, match=sentence):
        samples(folder, **options)


def test_a_folder_is_known_by_what_lies_inside(tmp_path):
    find = partial(found_folder, names=("A", "B"), inside="x", title="The set", origin="here")
    with pytest.raises(SpikedistillError) as caught:
        find(tmp_path)
    for fact in ("The set was not found", str(tmp_path / "B" / "x"), "here", "SPIKEDISTILL_DATA"):
        assert fact in str(caught.value)
    (tmp_path / "B" / "x").mkdir(parents=True)
    assert find(tmp_path) == find(tmp_path / "B") == tmp_path / "B"


def test_the_hash_is_of_names_and_sizes(folder):
    found = samples(folder).recordings
    before = listing_hash(folder, found)
    assert before == listing_hash(folder, found[::-1]) and before.startswith("md5:")
    (folder / "1.bin").write_bytes(bytes(60))
    assert listing_hash(folder, found) != before
