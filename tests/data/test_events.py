from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._events import Events, usable, whole_records

PATH = Path("some.bin")


def events(t, x=None, y=None):
    zeros = np.zeros(len(t), np.int64)
    return Events(
        np.array(t, np.int64),
        zeros if x is None else np.array(x),
        zeros if y is None else np.array(y),
        zeros,
    )


def test_a_window_of_time_is_half_open():
    assert events([0, 5, 10, 10, 15]).between(5, 15).t.tolist() == [5, 10, 10]


def test_what_is_possible_is_left_alone():
    given = events([0, 5, 5, 9], x=[0, 33, 1, 2])
    assert usable(given, PATH, (34, 34)) is given


def test_sorting_keeps_events_of_one_time_in_order():
    given = events([5, 0, 5, 0], x=[1, 2, 3, 4])
    found = usable(given, PATH, (34, 34), "sort")
    assert found.t.tolist() == [0, 0, 5, 5] and found.x.tolist() == [2, 4, 1, 3]


@pytest.mark.parametrize(
    "given, sentence",
    [
        (events([]), "some.bin is an empty recording: it has 0 events"),
        (events([1, 2], x=[3, 34]), "event 1 of 2 lies at x = 34, y = 0, outside .* 34 x 34"),
        (events([1], y=[40]), "x = 0, y = 40"),
        (events([7, 9, 8, 3]), "back 2 times, first after event 1, from 9 to 8 us.*unsorted=sort"),
    ],
)
def test_the_impossible_gets_a_sentence(given, sentence):
    with pytest.raises(SpikedistillError, match=sentence):
        usable(given, PATH, (34, 34))


def test_a_file_ends_with_an_event():
    whole_records(PATH, 20, 5)
    with pytest.raises(SpikedistillError, match=r"some.bin is truncated: .* 23 bytes, no multiple"):
        whole_records(PATH, 23, 5)
