"""Several processes, one folder: what one of them trains is left alone by the others."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows has no such locks: everyone gets every claim
    fcntl = None


@contextmanager
def claimed(thing: Path) -> Generator[bool]:
    """Whether this process holds the claim to a file or folder, which no other gets in this block.

    A lock on a file beside it, `.NAME.claim`, which ends with the process, whatever ends that, and
    is taken away afterwards. Where no file can be made or locked, everyone gets the claim.
    """
    path = thing.with_name(f".{thing.name}.claim")
    file = _opened(path)
    if file is None:
        yield True
        return
    with file:
        mine = _locked(file, path)
        try:
            yield mine
        finally:
            if mine:
                path.unlink(missing_ok=True)


def _opened(path: Path) -> IO[str] | None:
    if fcntl is None:
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a", encoding="utf-8")
    except OSError:
        return None


def _locked(file: IO[str], path: Path) -> bool:
    assert fcntl is not None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # who held it before may have taken the file away after we opened it
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:  # a file system without locks
        return True
