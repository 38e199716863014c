"""Frames kept on disk, so that the events of a recording are counted once."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from spikedistill.core.atomic import put

FOLDER = "frames-cache"
LAYOUT = 1
"""Of the files of the cache and of how events are read; another number makes all frames anew."""
_log = logging.getLogger(__name__)


class FrameCache:
    """One file of whole numbers for each recording, named after what it was made from.

    It lies in `frames-cache` beside the data set where that folder can be written to, else in the
    user's cache folder (`XDG_CACHE_HOME`, or `~/.cache`). A file is safetensors with a check
    sum in its metadata; what is damaged or incomplete counts as not there.

    Args:
        data: the folder of the data set.
        name: of the data set.
        form: what the frames depend on beside the recording, as text.
    """

    def __init__(self, data: Path, name: str, form: str) -> None:
        self.data = data
        self.folder = cache_folder(data) / name / form
        self._warned = False

    def path(self, sources: Sequence[Path], part: int) -> Path:
        """Where the frames of one part of a recording lie.

        The file name stands for the name of the data set's folder, and for the place in it, the
        size and the time of change of every source file.
        """
        facts = [LAYOUT, part, self.data.name]
        for source in sources:
            state = source.stat()
            facts += [source.relative_to(self.data), state.st_size, state.st_mtime_ns]
        digest = hashlib.sha256("\n".join(map(str, facts)).encode()).hexdigest()
        return self.folder / f"{sources[0].stem}-{part}-{digest[:16]}.safetensors"

    def load(self, path: Path) -> np.ndarray | None:
        """Kept frames; None where there are none that can be trusted."""
        try:
            with safe_open(path, framework="np") as file:
                frames, known = file.get_tensor("frames"), file.metadata() or {}
        except (OSError, SafetensorError):
            return None
        return frames if known.get("crc32") == _checksum(frames) else None

    def store(self, path: Path, frames: np.ndarray) -> None:
        """Keep frames; a disk that takes no more costs time only, and one line in the log."""
        known = {"crc32": _checksum(frames)}
        content = save({"frames": frames}, metadata=known)
        try:
            put(path, lambda partial: partial.write_bytes(content))
        except OSError as fault:
            if not self._warned:
                _log.warning("frames are not kept and will be made again each time: %s", fault)
            self._warned = True


def _checksum(frames: np.ndarray) -> str:
    return str(zlib.crc32(frames.tobytes(), zlib.crc32(f"{frames.dtype} {frames.shape}".encode())))


def cache_folder(data: Path) -> Path:
    """Where the frames of the data sets in a folder are kept."""
    own = data.parent / FOLDER
    if os.access(own if own.exists() else data.parent, os.W_OK):
        return own
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a user without a home
        base = Path(tempfile.gettempdir())
    digest = hashlib.sha256(str(data.parent).encode()).hexdigest()[:8]
    return base / "spikedistill" / f"{FOLDER}-{digest}"
