"""Official files of a data set: where they lie, whether they are whole, and what to say if not."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spikedistill.core.errors import MissingDataError, SpikedistillError

VARIABLE = "SPIKEDISTILL_DATA"


def data_root(data_dir: str | Path | None = None) -> Path:
    """The folder that holds the data sets: the argument, else `SPIKEDISTILL_DATA`, else `./data`.

    Example:
        >>> data_root("/tmp").name
        'tmp'
    """
    chosen = data_dir or os.environ.get(VARIABLE) or "data"
    return Path(chosen).expanduser().resolve()


@dataclass(frozen=True)
class OfficialFile:
    """One file as its authors publish it."""

    name: str
    size: int
    """In bytes, unpacked."""
    md5: str

    def __str__(self) -> str:
        return f"{self.name} ({self.size:,} bytes, md5 {self.md5})"


@dataclass(frozen=True)
class Form:
    """One of the layouts in which a data set is published: a folder and its files."""

    folder: str
    train: tuple[OfficialFile, ...]
    test: tuple[OfficialFile, ...]

    @property
    def files(self) -> tuple[OfficialFile, ...]:
        """All files of the form, those of the training split first."""
        return self.train + self.test


@dataclass
class Folder:
    """Reads the files of one form and remembers their hashes and what differs from the official.

    Made by `find_form`.
    """

    title: str
    origin: str
    path: Path
    hashes: dict[str, str] = field(default_factory=dict)
    """File name to `md5:...` of what was read."""
    strange: list[OfficialFile] = field(default_factory=list)
    """Files that are complete but not, byte for byte, the official ones."""

    def read(self, file: OfficialFile, *, exact_size: bool = True) -> bytes:
        """The bytes of a file, unpacked if it lies there as `.gz`.

        Args:
            file: what is expected.
            exact_size: another size means damage; False for a pickle, whose length may vary
                with the same content (its reader finds out whether it is complete).

        Raises:
            SpikedistillError: if the file is missing, truncated or of a wrong size.
        """
        path = located(self.path, file.name)
        if path is None:
            raise self.missing(file)
        try:
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else None
        except (EOFError, OSError, zlib.error) as fault:
            raise self.damaged(file, path, f"it does not unpack ({fault})") from fault
        content = path.read_bytes() if content is None else content
        if exact_size and len(content) != file.size:
            raise self.damaged(file, path, f"it has {len(content):,} bytes")
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        self.hashes[file.name] = f"md5:{md5}"
        if md5 != file.md5:
            self.strange.append(file)
        return content

    def missing(self, file: OfficialFile) -> MissingDataError:
        """The error for a file that is not in the folder."""
        return MissingDataError(
            f"{self.title} is incomplete: {file.name} was looked for in {self.path} and is not "
            f"there; expected are {file.size:,} bytes with md5 {file.md5}. "
            f"It comes from {self.origin}."
        )

    def damaged(self, file: OfficialFile, path: Path, what: str) -> SpikedistillError:
        """The error for a file that is there but cannot be what it should be."""
        return SpikedistillError(
            f"{self.title}: {path} is damaged: {what}, expected are {file.size:,} bytes with md5 "
            f"{file.md5}. Fetch it again from {self.origin}."
        )

    def notes(self) -> tuple[str, ...]:
        """At most one sentence: which files are complete but not the official ones."""
        if not self.strange:
            return ()
        names = ", ".join(file.name for file in self.strange)
        return (
            f"{self.title}: {len(self.strange)} of {len(self.hashes)} files in {self.path} are "
            f"complete but their md5 is not the official one ({names}); figures on this copy may "
            f"differ from published ones.",
        )


def located(folder: Path, name: str) -> Path | None:
    """The file `name` of a folder, plain or as `name.gz`; None if neither is there."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    return None


def find_form(root: Path, forms: Sequence[Form], *, title: str, origin: str) -> tuple[Folder, Form]:
    """The first complete form under `root` (or `root` itself), ready to read.

    Where none is complete, the first whose folder exists is taken, so that its reader says
    which file is missing.

    Raises:
        MissingDataError: if no form has a folder; says what was looked for and where it comes
            from.
    """
    there: list[tuple[Folder, Form]] = []
    for form in forms:
        for path in (root / form.folder, root):
            if path.is_dir() and path.as_posix().endswith(form.folder):
                there.append((Folder(title, origin, path), form))
                break
    for folder, form in there:
        if all(located(folder.path, file.name) for file in form.files):
            return folder, form
    if there:
        return there[0]
    raise MissingDataError(_nothing_there(root, forms, title, origin))


def _nothing_there(root: Path, forms: Sequence[Form], title: str, origin: str) -> str:
    looked = " or ".join(
        f"{root / form.folder} with {form.files[0]}"
        + (f" and {len(form.files) - 1} more files" if len(form.files) > 1 else "")
        for form in forms
    )
    return (
        f"{title} was not found: looked for {looked}. It comes from {origin}. Unpack it there, or "
        f"say where it lies with --data-dir or the environment variable {VARIABLE}."
    )
