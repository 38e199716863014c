"""Runs the trainings of a grid that nobody has run yet, one after the other."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikedistill.build.cells import settled
from spikedistill.core.claim import claimed
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.row import Row, curve_of
from spikedistill.grid.points import EpochLook, Point, essence, key, unique
from spikedistill.grid.store import Store
from spikedistill.pages.table import duration
from spikedistill.recipes.schema import Recipe, parse
from spikedistill.runs.start import start
from spikedistill.training.interrupt import Interrupted
from spikedistill.training.progress import Silent
from spikedistill.training.run_folder import RunFolder


@dataclass(frozen=True)
class Grid:
    """Where the cells of a study are trained and kept.

    Args:
        folder: of the study; runs lie in `runs/KEY` below it.
        store: the finished cells.
        data_dir: where data sets lie.
        progress: the display.
    """

    folder: Path
    store: Store
    data_dir: Path | None = None
    progress: Silent = field(default_factory=Silent)

    def missing(self, points: Sequence[Point]) -> list[Point]:
        """The points of which nobody has run the training, or looked at all that is asked."""
        return [point for point in unique(points) if not self._has(point)]

    def _has(self, point: Point) -> bool:
        cell = self.store.get(point.key)
        return cell is not None and set(point.looks) <= set(cell.get("looks", ()))

    def run(self, points: Sequence[Point], most: int | None = None) -> list[str]:
        """Train what is missing, at most `most` cells; each is kept as soon as it is finished.

        Cells that another process trains at the moment are passed over, and so are those that
        cannot be trained; the second one for the same reason ends the work.

        Returns:
            Why cells could not be trained, a sentence for each reason.

        Raises:
            Interrupted: if the user stopped it.
        """
        points, failed = unique(points), dict[str, list[str]]()
        missing = self.missing(points)
        count, total = len(missing[:most]), len(points)
        self.progress.say(f"{total - len(missing)} of {total} cells are there; {count} to train")
        began, done = time.monotonic(), 0
        for place, point in enumerate(missing):
            if done == count:
                break
            with claimed(self.store.folder / point.key) as mine:
                if not mine:
                    self.progress.say(f"{point.title} ({point.key}): another process trains it")
                    continue
                if self._has(point):  # another process has finished it since
                    continue
                if done:
                    spent = time.monotonic() - began
                    rest = duration(spent / done * min(count - done, len(missing) - place))
                    self.progress.say(f"about {rest} left")
                self.progress.say(f"[{done + 1}/{count}] {point.title} ({point.key})")
                try:
                    self.store.keep(self._joined(self._cell(point, points)))
                    done += 1
                except Interrupted:
                    raise
                except SpikedistillError as error:
                    titles = failed.setdefault(str(error), [])
                    titles.append(point.title)
                    if len(titles) > 1:  # it is the whole grid's, so the others have it too
                        break
                    self.progress.say(f"{point.title} ({point.key}) was given up: {error}")
        return [f"{'; '.join(titles)}: {reason}" for reason, titles in failed.items()]

    def cells(self, points: Sequence[Point]) -> list[tuple[Point, dict[str, Any]]]:
        """The points that are finished, each with its cell."""
        found = [(point, self.store.get(point.key)) for point in points if self._has(point)]
        return [(point, cell) for point, cell in found if cell is not None]

    def place(self, point: Point) -> RunFolder:
        """The run folder of a point."""
        return RunFolder(self.folder / "runs" / point.key)

    def _cell(self, point: Point, points: Sequence[Point]) -> dict[str, Any]:
        run = self.place(point)
        if not self._watched(run, point):  # it was trained without what is asked now
            shutil.rmtree(run.cell(_student(point.recipe)).path)
            (run / "result.json").unlink(missing_ok=True)
        if run.result() is None:
            self._borrow(point, run, points)
            start(
                self._begun(run, point) or point.recipe,
                run.path,
                self.data_dir,
                "resume",
                self.progress,
                look=_each_epoch(point),
            )
        return self._finished(point, run)

    def _joined(self, cell: dict[str, Any]) -> dict[str, Any]:
        """A cell that another study has, with what this one looked at in the same training."""
        known = self.store.get(cell["key"])
        if known is None:
            return cell
        return known | {"looks": known.get("looks", {}) | cell["looks"]}

    def _watched(self, run: RunFolder, point: Point) -> bool:
        """Whether what is asked was looked at in every epoch so far."""
        wanted = {name for name, look in point.looks.items() if look.each_epoch}
        history = run.cell(_student(point.recipe)).metrics()
        return all(wanted <= set(row.get("looks", ())) for row in history)

    def _begun(self, run: RunFolder, point: Point) -> Recipe | None:
        """The recipe of a run that has begun, which may differ in what no number depends on.

        Raises:
            SpikedistillError: if it is another training's.
        """
        config = run / "config.yaml"
        if not config.exists():
            return None
        begun = parse(run.config(), str(config))
        if key(begun) not in {key(settled(point.recipe, auto)) for auto in ("fp32", "bf16")}:
            raise SpikedistillError(
                f"{config} is of another training than {point.key}: it was changed, or another "
                f"version wrote it; delete {run.path} and it is trained again"
            )
        return begun

    def _borrow(self, point: Point, run: RunFolder, points: Sequence[Point]) -> None:
        """Take over earlier phases, and what is known of teachers, from a run that has them."""
        if (run / "config.yaml").exists():
            return
        for other in points:
            there = self.place(other)
            if other.key == point.key or not _is_finished(there):
                continue
            known = there / "teachers.json"
            if known.exists() and _judged_on(other) == _judged_on(point):
                run.path.mkdir(parents=True, exist_ok=True)
                shutil.copy2(known, run / known.name)
            if _lead(other.recipe) == _lead(point.recipe):
                for phase in point.recipe.phases[:-1]:
                    own = run.cell(phase.name).path
                    shutil.copytree(there.cell(phase.name).path, own, dirs_exist_ok=True)
                return

    def _finished(self, point: Point, run: RunFolder) -> dict[str, Any]:
        result, student = run.result() or {}, run.cell(_student(point.recipe))
        row = result["rows"][-1]
        if Row.from_plain(row).score is None:
            raise SpikedistillError(
                f"{row['network']} has no score that cells could be compared by: its task judges "
                "by no metric; name one under `metrics:` in the recipe (spikedistill list metrics)"
            )
        history = student.metrics()
        looks = dict(history[-1].get("looks", {})) if history else {}
        if looks:  # each look's values, epoch by epoch
            looks = {name: [row["looks"][name] for row in history] for name in looks}
        for name, look in point.looks.items():
            if look.afterwards is not None:
                looks[name] = look.afterwards(run.path, self.data_dir)
        made = run.manifest()
        begun = parse(run.config())
        precision = [begun.settings(phase).precision for phase in begun.phases]
        return {
            "key": point.key,
            "title": point.title,
            "training": essence(point.recipe),
            "row": row,
            "others": result["rows"][:-1],
            "history": [_line(row) for row in history],
            "looks": looks,
            "made": {
                **{name: made[name] for name in ("started", "versions", "machine", "git")},
                "precision": precision,
            },
        }


def _each_epoch(point: Point) -> EpochLook | None:
    """All looks that are taken after every epoch, as one."""
    chosen = {name: look.each_epoch for name, look in point.looks.items()}
    wanted = {name: look for name, look in chosen.items() if look is not None}
    if not wanted:
        return None
    return lambda distiller, valid: {name: look(distiller, valid) for name, look in wanted.items()}


def _is_finished(run: RunFolder) -> bool:
    try:
        return run.result() is not None
    except SpikedistillError:  # damaged: nothing to take from it
        return False


def _student(recipe: Recipe) -> str:
    return recipe.phases[-1].name


def _judged_on(point: Point) -> tuple[Any, ...]:
    """What the scores of a teacher of a point depend on: validation and test split, and metrics."""
    recipe, found = point.recipe, []
    for entry in (recipe.data, *(phase.data for phase in recipe.phases if phase.data)):
        data = entry.plain()
        found.append({name: data[name] for name in data.keys() - {"train_limit", "label_noise"}})
    return point.seed, recipe.encoder, [one.plain() for one in recipe.metrics], found


def _lead(recipe: Recipe) -> tuple[str, ...] | None:
    """What tells all phases but the last from others; None where there is but one."""
    before = recipe.phases[:-1]
    names = (phase.name for phase in before)
    return (key(recipe.model_copy(update={"phases": before})), *names) if before else None


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    """A line of metrics without what is large."""
    seen = row.get("valid") or {}
    return {
        "epoch": row["epoch"],
        "losses": row["losses"],
        "train_accuracy": row["train_accuracy"],
        "samples_per_second": row["samples_per_second"],
        "valid": curve_of(seen),
        "firing_rate": seen.get("firing_rate"),
    }
