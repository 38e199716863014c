"""Several processes at one grid: a cell that one of them trains is left alone by the others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks: every process gets every cell
    fcntl = None


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Whether this process holds a claim; if so, no other gets it before the block ends.

    A lock on a file, which ends with the process, whatever ends that.

    Args:
        path: the file; made, and taken away afterwards.
    """
    if fcntl is None:
        yield True
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # who held it before may have taken the file away after we opened it
            mine = os.path.samestat(os.fstat(file.fileno()), path.stat())
        except OSError:
            mine = False
        try:
            yield mine
        finally:
            if mine:
                path.unlink(missing_ok=True)
