"""A run that another one takes the place of: set aside whole, and put back or thrown away.

A folder holds a run from the moment in which `config.yaml` is there: of a new run it is the last
file to be written, of one that goes it is the first to be moved, of one that comes back the last.
So whatever ends a process, the folder tells which of the two runs counts: with a `config.yaml`
what was set aside is thrown away, without one it is put back.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from spikedistill.core.atomic import name_of_partial
from spikedistill.core.errors import SpikedistillError

RECIPE = "config.yaml"
"""The file that makes a folder a run."""
ASIDE = ".replaced"
"""The folder inside a run's that keeps the run before, until the new one is there."""
OWN = (RECIPE, "manifest.json", "metrics.jsonl", "model.json", "result.json",
       "teachers.json", "checkpoint.pt", "*.safetensors", "curves.png", "result.png",
       "report.html", "cells", "examined", "tracked", ".*.part", ASIDE)  # fmt: skip
"""What a run and its report leave in their folder."""


def set_aside(folder: Path) -> None:
    """Move the run in a folder into `ASIDE`, its recipe first.

    Raises:
        SpikedistillError: if anything else lies in the folder; then nothing is moved.
    """
    there = sorted(folder.iterdir(), key=lambda path: (path.name != RECIPE, path.name))
    foreign = [path.name for path in there if not any(map(path.match, OWN))]
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise SpikedistillError(
            f"{folder} holds not only a run but also {', '.join(foreign[:3])}{more}, so it "
            "is not thrown away; move these elsewhere, or choose another place with --out"
        )
    aside = folder / ASIDE
    aside.mkdir()
    for path in there:
        os.replace(path, aside / path.name)


def settle(folder: Path) -> None:
    """Throw away what was set aside where another run is there; put it back where none is."""
    aside = folder / ASIDE
    if is_cut_short(folder):
        back = sorted(aside.iterdir(), key=lambda path: (path.name == RECIPE, path.name))
        for path in back:
            os.replace(path, folder / path.name)
    if aside.is_dir():
        shutil.rmtree(aside)


def is_cut_short(folder: Path) -> bool:
    """Whether the run of a folder was set aside for one that did not come."""
    return not (folder / RECIPE).exists() and (folder / ASIDE / RECIPE).exists()


def mend(folder: Path) -> None:
    """Settle a run and its trainings, and take away files that a process left half written.

    Nobody else may be training there (`RunFolder.alone`).
    """
    settle(folder)
    parts = [folder, *(path for path in (folder / "cells").glob("*") if path.is_dir())]
    for part in parts:
        settle(part)
        for path in part.glob(".*.part"):
            name = name_of_partial(path)
            if name is not None and any(map(Path(name).match, OWN)):
                path.unlink(missing_ok=True)
    for path in (folder / "examined").rglob(".*.part"):
        if name_of_partial(path) is not None:
            path.unlink(missing_ok=True)
