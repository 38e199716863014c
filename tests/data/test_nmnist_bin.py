from __future__ import annotations

import numpy as np
import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._nmnist_bin import read

SENSOR = (34, 34)


def test_one_event_by_hand(tmp_path):
    # x 10, y 20, ON, 0x123456 us
    (tmp_path / "a.bin").write_bytes(bytes([10, 20, 0x80 | 0x12, 0x34, 0x56]))
    events = read(tmp_path / "a.bin", SENSOR)
    found = (events.t.item(), events.x.item(), events.y.item(), events.p.item())
    assert found == (0x123456, 10, 20, 1)


def test_what_was_written_is_read(tmp_path, event_files):
    t, x, y, p = event_files.random(1000)
    (tmp_path / "a.bin").write_bytes(event_files.bin(t, x, y, p))
    events = read(tmp_path / "a.bin", SENSOR)
    for mine, given in ((events.t, t), (events.x, x), (events.y, y), (events.p, p)):
        assert np.array_equal(mine, given)


def test_a_timer_that_ran_over_is_no_event_and_adds_time(tmp_path, event_files):
    t, x = np.array([8000, 8191, 5, 8191, 7]), np.zeros(5, np.int64)
    y = np.array([1, 240, 2, 240, 3])
    (tmp_path / "a.bin").write_bytes(event_files.bin(t, x, y, x))
    events = read(tmp_path / "a.bin", SENSOR)
    assert events.t.tolist() == [8000, 5 + 8192, 7 + 2 * 8192] and events.y.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"", "a.bin is an empty recording"),
        (bytes(7), "a.bin is truncated: its events take 7 bytes, no multiple of the 5 bytes"),
        (bytes([34, 0, 0, 0, 0]), "x = 34, y = 0, outside the sensor of 34 x 34"),
        (bytes([0, 0, 0, 0, 9, 0, 0, 0, 0, 8]), "timestamps go back 1 times"),
    ],
)
def test_bad_files_get_sentences(tmp_path, content, sentence):
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(SpikedistillError, match=sentence):
        read(tmp_path / "a.bin", SENSOR)


@pytest.mark.data
def test_real_recordings(data_dir):
    files = sorted((data_dir / "N-MNIST" / "Train").glob("*/*.bin"))[::100]
    if not files:
        pytest.skip("no N-MNIST")
    for path in files:
        events = read(path, SENSOR)
        # three saccades of 100 ms
        assert len(events) == path.stat().st_size // 5 and 290_000 < events.t[-1] < 340_000
