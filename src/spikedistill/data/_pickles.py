"""Reads the pickles in which the CIFAR data sets come, and refuses everything but arrays.

A pickle is a program; `pickle.load` runs whatever it names. Here only what numpy needs to put an
array together has a name, so a hostile file can do no more than fail.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from spikedistill.core.errors import SpikedistillError


class _Refused(pickle.UnpicklingError):
    """The pickle asks for something that is no part of an array."""


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """How Python 2 byte strings travel in newer protocols; no other codec is needed."""
    if encoding not in ("latin1", "latin-1", "iso-8859-1"):
        raise _Refused(f"it asks for the codec {encoding!r}")
    return text.encode("latin1")


# The reconstructors have a private home, which moved with numpy 2: ask arrays for them.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
_SCALAR = np.float64(0).__reduce__()[0]
_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
    **{
        (f"numpy.{core}.multiarray", name): function
        for core in ("core", "_core")
        for name, function in (("_reconstruct", _RECONSTRUCT), ("scalar", _SCALAR))
    },
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise _Refused(f"it asks for {module}.{name}, which is no part of an array")
        return _KNOWN[module, name]


class BrokenPickleError(SpikedistillError):
    """The pickle is harmless but not whole."""


def load_arrays(content: bytes, source: str) -> Any:
    """The numpy arrays and plain containers in a pickle; Python 2 strings come as bytes.

    Args:
        content: the bytes of the file.
        source: what to call it in an error (its path).

    Raises:
        BrokenPickleError: if it is damaged.
        SpikedistillError: if it asks for anything but arrays; names what it asked for.

    Example:
        >>> load_arrays(pickle.dumps({"a": [1, 2]}), "here")
        {'a': [1, 2]}
    """
    try:
        return _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    except _Refused as fault:
        raise SpikedistillError(
            f"{source} was not read: {fault}. The official pickles hold numpy arrays, lists and "
            f"strings only; do not trust this file."
        ) from fault
    # A damaged pickle can fail in any of its instructions, each with an error of its own.
    except Exception as fault:
        raise BrokenPickleError(f"{source} is damaged: it does not unpickle ({fault})") from fault
