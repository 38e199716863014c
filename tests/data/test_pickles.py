from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._pickles import BrokenPickleError, load_arrays


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_arrays_and_plain_containers_are_read(protocol):
    record = {
        b"data": np.arange(12, dtype=np.uint8).reshape(3, 4),
        b"labels": [1, 2, 3],
        b"scalar": np.int64(5),
        b"nested": (None, True, 1.5, "text"),
    }
    found = load_arrays(pickle.dumps(record, protocol=protocol), "here")
    assert (found[b"data"] == record[b"data"]).all()
    assert found[b"labels"] == [1, 2, 3]
    assert found[b"scalar"] == 5


def test_python_2_strings_come_as_bytes():
    # {'labels': [3]} as Python 2 writes it: SHORT_BINSTRING keys
    content = b"\x80\x02}q\x00U\x06labelsq\x01]q\x02K\x03as."
    assert load_arrays(content, "here") == {b"labels": [3]}


class Call:
    def __init__(self, function, *arguments):
        self.answer = function, arguments

    def __reduce__(self):
        return self.answer


@pytest.mark.parametrize(
    "evil, asked",
    [
        (Call(os.system, "true"), "posix.system"),
        (Call(eval, "1"), "__builtin__.eval"),
        (Call(np.load, "x.npy"), "numpy.load"),
        (Call(getattr, np, "x"), "getattr"),
    ],
)
def test_everything_else_is_refused_by_name(evil, asked):
    try:
        content = pickle.dumps({b"data": evil}, protocol=2)
    except TypeError:  # modules do not pickle; the name is what counts
        content = b"\x80\x02c__builtin__\ngetattr\n."
    with pytest.raises(SpikedistillError) as error:
        load_arrays(content, "some/file")
    assert asked in str(error.value) and "some/file" in str(error.value)
    assert not isinstance(error.value, BrokenPickleError)


def test_only_the_harmless_codec_is_known():
    content = b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00zip\x86R."
    with pytest.raises(SpikedistillError, match="codec 'zip'"):
        load_arrays(content, "here")


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x02}q\x00U\x06lab"])
def test_damage_gets_a_sentence(content):
    with pytest.raises(BrokenPickleError, match="here is damaged"):
        load_arrays(content, "here")
