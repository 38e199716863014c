from __future__ import annotations

import struct

import numpy as np
import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._aedat31 import read

HEAD = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n"
SENSOR = (128, 128)


def packet(*words: int, kind=1, size=8, overflow=0, capacity=None, number=None) -> bytes:
    count = len(words) // 2
    capacity, number = (count if n is None else n for n in (capacity, number))
    head = struct.pack("<hhiiiiii", kind, 1, size, 4, overflow, capacity, number, number)
    return head + struct.pack(f"<{len(words)}I", *words)


def test_one_event_by_hand(tmp_path):
    # x 100, y 7, OFF, valid; the timer ran over twice
    words = (100 << 17 | 7 << 2 | 1, 42)
    (tmp_path / "a.aedat").write_bytes(HEAD + packet(*words, overflow=2))
    events = read(tmp_path / "a.aedat", SENSOR)
    found = (events.t.item(), events.x.item(), events.y.item(), events.p.item())
    assert found == (42 + 2 * 2**31, 100, 7, 0)


def test_what_was_written_is_read(tmp_path, event_files):
    given = event_files.random(950, 128)
    (tmp_path / "a.aedat").write_bytes(event_files.aedat31(*given))
    events = read(tmp_path / "a.aedat", SENSOR)
    for mine, theirs in zip((events.t, events.x, events.y, events.p), given, strict=True):
        assert np.array_equal(mine, theirs)


def test_other_packets_invalid_events_and_empty_places_are_passed_over(tmp_path):
    content = packet(1, 5, kind=0) + packet(1, 6, 2, 7, 3, 8, 1, 9, capacity=4, number=3)
    (tmp_path / "a.aedat").write_bytes(HEAD + content)
    events = read(tmp_path / "a.aedat", SENSOR)
    assert events.t.tolist() == [6, 8] and events.p.tolist() == [0, 1]


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"#!AER-DAT2.0\r\n", "begins with '#!AER-DAT2.0' and should with '#!AER-DAT3.1'"),
        (b"", "a.aedat is empty: it has 0 bytes and begins with 12"),
        (b"#!AER-D", "a.aedat is truncated: it has 7 bytes"),
        (b"#!AER-DAT3.1\r\n#Format: RAW\r\n", "in its 28 bytes there is no line '#!END-HEADER'"),
        (
            b"#!AER-DAT3.1\r\n#Format: SerializedTS\r\n#!END-HEADER\r\n",
            "has the format 'SerializedTS', and only 'RAW' is read",
        ),
        (HEAD, "a.aedat is an empty recording"),
        (
            HEAD + packet(1, 5)[:20],
            "from byte 42 on a packet should take 28 bytes and there are 20",
        ),
        (HEAD + packet(1, 5, 1, 6)[:-3], "should take 16 bytes and there are 13"),
        (HEAD + packet(1, 5, size=0), "1 of 1 events of 0 bytes, which cannot be"),
        (HEAD + packet(1, 5, number=7), "7 of 1 events of 8 bytes"),
        (HEAD + packet(128 << 17 | 1, 5), "x = 128, y = 0, outside the sensor"),
        (HEAD + packet(1, 5, 1, 4), "timestamps go back 1 times"),
    ],
)
def test_bad_files_get_sentences(tmp_path, content, sentence):
    (tmp_path / "a.aedat").write_bytes(content)
    with pytest.raises(SpikedistillError, match=sentence):
        read(tmp_path / "a.aedat", SENSOR)
