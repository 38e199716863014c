"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path


def put(target: Path, save: Callable[[Path], object]) -> Path:
    """Let `save` write a file under a temporary name beside `target`, then rename it.

    Folders are made. If anything fails, what stood at `target` before is untouched.
    """
    if target.is_dir():
        raise IsADirectoryError(
            errno.EISDIR, "is a folder, and a file should be written", str(target)
        )
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        save(partial)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def name_of_partial(path: Path) -> str | None:
    """The name of the file that a process was writing here; None where this is no such file.

    Example:
        >>> name_of_partial(Path("run/.config.yaml.4711.part"))
        'config.yaml'
        >>> name_of_partial(Path("run/.films.part")) is None
        True
    """
    found = re.fullmatch(r"\.(.+)\.\d+\.part", path.name)
    return found and found[1]
