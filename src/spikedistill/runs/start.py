"""Where a run begins or goes on: its folder made or found, then `runs.cell_by_cell`."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from torch import nn

from spikedistill.build.cells import default_folder, settled
from spikedistill.build.experiment import Experiment
from spikedistill.core.choices import choices_checked
from spikedistill.core.machine import machine
from spikedistill.data import DataSet
from spikedistill.recipes.schema import Recipe, parse
from spikedistill.runs.cell_by_cell import Run
from spikedistill.training.manifest import manifest
from spikedistill.training.progress import Silent
from spikedistill.training.run_folder import RunFolder
from spikedistill.training.track import OnEpoch
from spikedistill.training.trainer import Look


@choices_checked
def start(
    recipe: Recipe,
    out: Path | str | None = None,
    data_dir: Path | str | None = None,
    exist: Literal["refuse", "replace", "resume"] = "refuse",
    progress: Silent | None = None,
    networks: Mapping[str, nn.Module] | None = None,
    data: DataSet | None = None,
    look: Look | None = None,
    on_epoch: OnEpoch | None = None,
) -> dict[str, Any]:
    """Run a recipe in a new folder.

    Args:
        recipe: what to do.
        out: the run folder; default `default_folder(recipe)`.
        data_dir: where data sets lie; default `SPIKEDISTILL_DATA`, else `./data`.
        exist: what to do with a run that is in the folder: refuse, throw it away, or go on with
            it where it is unfinished and has the same settings.
        progress: the display; default nothing is shown.
        networks: networks of the recipe that come from Python, by name.
        data: the data, where they come from Python.
        look: measures something after every epoch of every training (`training.trainer.fit`).
        on_epoch: called after every epoch of every training with its line of `metrics.jsonl`.

    Returns:
        The content of `result.json`.

    Raises:
        SpikedistillError: for anything that the user can put right.
    """
    recipe, progress = settled(recipe), progress or Silent()
    folder = RunFolder(default_folder(recipe) if out is None else out)
    # what is wrong must be said before a folder is made or thrown away
    experiment = Experiment(recipe, data_dir, progress.say, networks, data)  # type: ignore[arg-type]
    experiment.check()
    with _mended(folder):
        going_on = exist == "resume" and _same(folder, recipe)
        if machine().is_main_process and not going_on:
            made = _manifest(experiment, data_dir)
            folder.create(recipe.plain(), made, replace=exist == "replace")
        machine().wait_for_everyone()
        return _go(experiment, folder, progress, data_dir, look, on_epoch)


@contextmanager
def _mended(folder: RunFolder) -> Generator[None]:
    """A folder of which no other command makes use, as the last one should have left it."""
    with folder.alone(machine().is_main_process):
        if machine().is_main_process:
            folder.mend()
        machine().wait_for_everyone()
        yield


def _manifest(experiment: Experiment, data_dir: Path | str | None) -> dict[str, Any]:
    seed, data = experiment.recipe.seed, experiment.data
    made = manifest(seed, data.hashes, notes=data.notes)
    return made | {"data_dir": None if data_dir is None else str(Path(data_dir).absolute())}


def _go(
    experiment: Experiment,
    folder: RunFolder,
    progress: Silent,
    data_dir: Path | str | None,
    look: Look | None = None,
    on_epoch: OnEpoch | None = None,
) -> dict[str, Any]:
    """Train what is left; a run of an earlier version may lack its manifest, which is then made."""
    if not folder.has_manifest and machine().is_main_process:
        folder.make_manifest_again(_manifest(experiment, data_dir))
    machine().wait_for_everyone()
    return Run(experiment, folder, progress, look, on_epoch).all()


def _same(folder: RunFolder, recipe: Recipe) -> bool:
    """Whether a folder holds an unfinished run of this very recipe."""
    begun = (folder / "config.yaml").exists() and folder.result() is None
    return begun and parse(folder.config()).plain() == recipe.plain()


def resume(
    path: Path | str, data_dir: Path | str | None = None, progress: Silent | None = None
) -> dict[str, Any]:
    """Go on with a run that was stopped; what is finished is not done again.

    Raises:
        SpikedistillError: if this is no run folder, or a checkpoint in it is damaged.
    """
    folder, progress = RunFolder(path), progress or Silent()
    if not folder.path.is_dir():
        folder.config()  # says that there is no run
    with _mended(folder):
        recipe = parse(folder.config(), str(folder / "config.yaml"))
        if folder.has_manifest:
            data_dir = data_dir or folder.manifest().get("data_dir")
        return _go(Experiment(recipe, data_dir, progress.say), folder, progress, data_dir)
