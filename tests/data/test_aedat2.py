from __future__ import annotations

import struct

import numpy as np
import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._aedat2 import read

HEAD = b"#!AER-DAT2.0\r\n"


def test_one_event_by_hand(tmp_path):
    # bits: y 3, x 5, polarity 1, which is OFF
    (tmp_path / "a.aedat").write_bytes(HEAD + struct.pack(">II", 3 << 8 | 5 << 1 | 1, 123456))
    events = read(tmp_path / "a.aedat")
    found = (events.t.item(), events.x.item(), events.y.item(), events.p.item())
    assert found == (123456, 127 - 3, 127 - 5, 0)


@pytest.mark.parametrize("header", [HEAD, HEAD + b"# a line\r\n#another\r\n", b""])
def test_what_was_written_is_read(tmp_path, event_files, header):
    given = event_files.random(500, 128)
    (tmp_path / "a.aedat").write_bytes(event_files.aedat2(*given, header=header))
    events = read(tmp_path / "a.aedat")
    for mine, theirs in zip((events.t, events.x, events.y, events.p), given, strict=True):
        assert np.array_equal(mine, theirs)


def test_triggers_from_outside_are_no_events(tmp_path):
    rows = struct.pack(">IIII", 0x8000, 5, 3 << 8, 6)
    (tmp_path / "a.aedat").write_bytes(HEAD + rows)
    assert read(tmp_path / "a.aedat").t.tolist() == [6]


def test_times_that_go_back_can_be_sorted(tmp_path, event_files):
    t, x, y, p = event_files.random(50, 128)
    (tmp_path / "a.aedat").write_bytes(event_files.aedat2(t[::-1], x, y, p))
    with pytest.raises(SpikedistillError, match="timestamps go back"):
        read(tmp_path / "a.aedat")
    assert np.array_equal(read(tmp_path / "a.aedat", "sort").t, t)


def test_the_clock_runs_over_and_may_begin_below_zero(tmp_path):
    times = [0x7FFFFFFE, 0x80000001, 0xFFFFFFFF, 2]
    (tmp_path / "a.aedat").write_bytes(HEAD + b"".join(struct.pack(">II", 0, t) for t in times))
    t = read(tmp_path / "a.aedat").t
    assert (t - t[0]).tolist() == [0, 3, 0x80000001, 0x80000004]
    (tmp_path / "b.aedat").write_bytes(HEAD + struct.pack(">IIII", 0, 0xFFFFFFFF, 0, 0))
    assert read(tmp_path / "b.aedat").t.tolist() == [-1, 0]


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"#!AER-DAT3.1\r\n", "begins with '#!AER-DAT3.1' and should with '#!AER-DAT2.0'"),
        (b"#!AER-DAT4.0\r\n", "another version of the format"),
        (b"#!AER-DAT", "begins with '#!AER-DAT' and should with"),
        (HEAD, "a.aedat is an empty recording"),
        (b"# never ends", "empty recording"),
        (HEAD + bytes(12), "a.aedat is truncated: its events take 12 bytes, .* the 8 bytes"),
        (HEAD + struct.pack(">II", 0x10000, 1), "address 0x10000, outside the sensor of 128 x 128"),
    ],
)
def test_bad_files_get_sentences(tmp_path, content, sentence):
    (tmp_path / "a.aedat").write_bytes(content)
    with pytest.raises(SpikedistillError, match=sentence):
        read(tmp_path / "a.aedat")
