"""Folders of files, one folder a class: what is in them, and what is passed over."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

_HIDDEN = ("__macosx", "__pycache__", "@eadir", "#recycle", "$recycle.bin", "desktop.ini",
           "ehthumbs.db", "lost+found", "system volume information", "thumbs.db")  # fmt: skip


def hidden(name: str) -> bool:
    """Whether a system or a program put it there, and no person.

    Example:
        >>> hidden(".DS_Store"), hidden("._cat.jpg"), hidden("Thumbs.db"), hidden("cat.jpg")
        (True, True, True, False)
    """
    return name.startswith(".") or name.lower() in _HIDDEN


@dataclass
class Listing:
    """The files of one folder."""

    wanted: list[Path] = field(default_factory=list)
    """In order of their paths."""
    others: list[Path] = field(default_factory=list)
    """Of other types; hidden ones are in neither list."""

    @property
    def says(self) -> str:
        """What lies there that is not wanted, in a few words."""
        count = f"{len(self.others)} file{'s' * (len(self.others) != 1)}"
        return f"{count}: {suffixes(self.others)}" if self.others else "empty"


def list_folder(folder: Path, wanted: Collection[str]) -> Listing:
    """The files below a folder at any depth, also through links.

    Args:
        folder: where to look.
        wanted: the endings of the files that are wanted, in small letters with their dot.
    """
    found, seen = Listing(), set[str]()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        folders[:] = [] if real in seen else [name for name in folders if not hidden(name)]
        if real in seen:  # a link that leads back
            continue
        seen.add(real)
        for name in files:
            if not hidden(name):
                kind = found.wanted if ending(name) in wanted else found.others
                kind.append(Path(here, name))
    found.wanted.sort()
    found.others.sort()
    return found


def class_names(folder: Path) -> tuple[str, ...]:
    """The folders inside of a folder, in order; hidden ones are passed over."""
    entries = folder.iterdir() if folder.is_dir() else ()
    return tuple(sorted(one.name for one in entries if one.is_dir() and not hidden(one.name)))


def loose(folder: Path) -> list[Path]:
    """The files that lie beside the class folders and belong to none."""
    return sorted(one for one in folder.iterdir() if one.is_file() and not hidden(one.name))


def ending(name: str | Path) -> str:
    """The ending of a file name, in small letters with its dot."""
    return os.path.splitext(name)[1].lower()


def suffixes(paths: Collection[Path], most: int = 5) -> str:
    """The endings of some files, the most frequent first."""
    counts = Counter(ending(path) or path.name for path in paths)
    names = [name for name, _ in counts.most_common(most)]
    return ", ".join(names) + (", ..." if len(counts) > most else "")
