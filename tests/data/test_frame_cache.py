from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from spikedistill.data._frame_cache import FrameCache, cache_folder


@pytest.fixture
def place(tmp_path):
    source = tmp_path / "set" / "a.bin"
    source.parent.mkdir()
    source.write_bytes(b"12345")
    cache = FrameCache(source.parent, "name", "5-by-number")
    return cache, source, cache.path([source], 0)


FRAMES = np.arange(2 * 2 * 3 * 3, dtype=np.uint8).reshape(2, 2, 3, 3)


def test_what_is_kept_comes_back(place, tmp_path):
    cache, _, path = place
    assert cache.load(path) is None
    cache.store(path, FRAMES)
    assert np.array_equal(cache.load(path), FRAMES)
    assert path.is_relative_to(tmp_path / "frames-cache" / "name" / "5-by-number")
    assert np.array_equal(load_file(path)["frames"], FRAMES)
    assert [other.name for other in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("damage", [b"", b"x", "cut", "flip"])
def test_a_damaged_file_counts_as_not_there(place, damage):
    cache, _, path = place
    cache.store(path, FRAMES)
    whole = path.read_bytes()
    broken = {"cut": whole[:-9], "flip": whole[:-20] + b"\xff" + whole[-19:]}.get(damage, damage)
    path.write_bytes(broken)
    assert cache.load(path) is None


def test_another_file_has_another_place(place):
    cache, source, path = place
    assert cache.path([source], 1) != path
    source.write_bytes(b"123456")
    longer = cache.path([source], 0)
    os.utime(source, (1, 1))
    assert len({path, longer, cache.path([source], 0)}) == 3


def test_a_folder_that_cannot_be_written_to_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    found = cache_folder(tmp_path / "data" / "N-MNIST")
    assert found.is_relative_to(tmp_path / "mine" / "spikedistill")
    assert found != cache_folder(tmp_path / "other" / "N-MNIST")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert cache_folder(tmp_path / "data" / "N-MNIST").is_relative_to(tempfile.gettempdir())


def test_a_disk_that_takes_no_more_costs_time_only(place, monkeypatch, caplog):
    cache, _, path = place
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    cache.store(path, FRAMES)
    cache.store(path, FRAMES)
    assert cache.load(path) is None and caplog.text.count("disk full") == 1


def test_counts_that_were_kept_do_not_become_negative(place):
    cache, _, path = place
    cache.store(path, FRAMES)
    whole = path.read_bytes()
    assert whole.count(b'"U8"') == 1
    path.write_bytes(whole.replace(b'"U8"', b'"I8"'))
    assert cache.load(path) is None


def test_sets_that_lie_side_by_side_have_places_of_their_own(tmp_path):
    places = []
    for name in ("v1", "v2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.bin").write_bytes(b"12345")
        os.utime(tmp_path / name / "a.bin", (1, 1))
        places.append(FrameCache(tmp_path / name, "x", "f").path([tmp_path / name / "a.bin"], 0))
    assert places[0].parent == places[1].parent and places[0] != places[1]
