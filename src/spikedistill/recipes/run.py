"""Running a recipe cell by cell: train, judge on the test split, keep everything in one folder."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from torch import nn

from spikedistill.core.objective import Objective
from spikedistill.core.spec import Spec
from spikedistill.data import DataSet, Loader, augmentation
from spikedistill.functional.compiled import compile_is_on, compiling
from spikedistill.metrics.operations import parameter_count
from spikedistill.recipes import judge
from spikedistill.recipes.build import (
    Facts,
    Workshop,
    as_images,
    build_data,
    build_distiller,
    build_objective,
    build_specs,
    check_inputs,
)
from spikedistill.recipes.cells import Cell, cells, default_folder, settled
from spikedistill.recipes.judge import machine
from spikedistill.recipes.rebuild import model_card
from spikedistill.recipes.schema import Recipe, parse
from spikedistill.report.plot import plot_curves, plot_result
from spikedistill.teachers import chance_warning, load_weights
from spikedistill.training import checkpoint
from spikedistill.training.manifest import manifest, state_hash
from spikedistill.training.progress import Silent
from spikedistill.training.run_folder import RunFolder
from spikedistill.training.trainer import Look, fit


def start(
    recipe: Recipe,
    out: Path | str | None = None,
    data_dir: Path | str | None = None,
    exist: Literal["refuse", "replace", "resume"] = "refuse",
    progress: Silent | None = None,
    networks: Mapping[str, nn.Module] | None = None,
    data: DataSet | None = None,
    look: Look | None = None,
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

    Returns:
        The content of `result.json`.

    Raises:
        SpikedistillError: for anything that the user can put right.
    """
    recipe = settled(recipe)
    folder = RunFolder(default_folder(recipe) if out is None else out)
    # what is wrong must be said before a folder is made or thrown away
    run = _Run(recipe, folder, data_dir, progress or Silent(), networks, data, look)
    run.check()
    with folder.alone(machine().is_main_process):
        going_on = exist == "resume" and _same(folder, recipe)
        if machine().is_main_process and not going_on:
            made = manifest(recipe.seed, run.data.hashes, notes=run.data.notes)
            where = None if data_dir is None else str(Path(data_dir).absolute())
            folder.create(recipe.plain(), made | {"data_dir": where}, replace=exist == "replace")
        machine().wait_for_everyone()
        return run.all()


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
    folder = RunFolder(path)
    recipe = parse(folder.config(), str(folder / "config.yaml"))
    data_dir = data_dir or folder.manifest().get("data_dir")
    with folder.alone(machine().is_main_process):
        return _Run(recipe, folder, data_dir, progress or Silent()).all()


@dataclass
class _Prepared:
    """A cell ready to be trained."""

    networks: dict[str, nn.Module]
    specs: dict[str, Spec]
    objective: Objective
    train: Loader
    valid: Loader | None


@dataclass
class _Run:
    """One run of a recipe."""

    recipe: Recipe
    folder: RunFolder
    data_dir: Path | str | None
    progress: Silent
    given: Mapping[str, nn.Module] | None = None
    data: DataSet | None = None  # read from the recipe where none is given
    look: Look | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    learned: Objective | None = None
    """What the losses of the phase before learned."""

    def __post_init__(self) -> None:
        recipe = self.recipe
        if self.data is None:
            self.data = build_data(recipe.data, self.data_dir, recipe.seed)
        check_inputs(self.data, recipe.encoder, recipe.augment)
        for note in self.data.notes:
            self.progress.say(f"note: {note}")
        self.workshop = Workshop(
            recipe.networks,
            Facts.of(self.data),
            recipe.seed,
            self.data_dir,
            images=as_images(next(Loader(self.data.train, 16).epoch(0)).inputs),
            say=self.progress.say,
            networks=dict(self.given or {}),
        )
        trained: set[str] = set()
        for phase in recipe.phases:
            for role in phase.roles.values():
                entry = recipe.networks[role.network]
                if entry.kind != "twin_of" or entry.name not in trained:
                    self.workshop.network(role.network)
            trained |= {role.network for role in phase.roles.values() if role.trainable}

    def all(self) -> dict[str, Any]:
        """Every cell that is not finished, then the table and the pictures."""
        self.folder.refuse_changes(self.data.hashes)
        self.meet_teachers()
        for cell in cells(self.recipe):
            self.rows.append(self.one(cell))
        result = {
            "name": self.recipe.name,
            "seed": self.recipe.seed,
            "claim": self.recipe.claim and self.recipe.claim.model_dump(),
            "data": self.data.name,
            "rows": self.rows,
            "main": cells(self.recipe)[-1].name,
        }
        if machine().is_main_process:
            self.pictures(result)
            self.folder.write_json("result.json", result)
        return result

    def meet_teachers(self) -> None:
        """Judge the networks that come trained, before anything learns from them."""
        settings = self.recipe.settings(self.recipe.phases[0])
        learning = {
            role.network
            for phase in self.recipe.phases
            for role in phase.roles.values()
            if role.trainable
        }
        for phase in self.recipe.phases:
            for name, role in phase.roles.items():
                entry = self.recipe.networks[role.network]
                changes = role.network in learning or (
                    entry.kind == "twin_of" and entry.name in learning
                )
                if changes or role.network in {row["network"] for row in self.rows}:
                    continue
                network = self.workshop.network(role.network)
                row = self._known_teacher(network) or judge.row(
                    network, role.timesteps, self.data, self.recipe.encoder, settings
                )
                row = {"cell": None, "role": name, "network": role.network, "losses": []} | row
                self.rows.append(row | {"state": state_hash(network)})
                self._say_teacher(name, role.network, row)
        if machine().is_main_process and self.rows:
            self.folder.write_json("teachers.json", self.rows)

    def _known_teacher(self, network: nn.Module) -> dict[str, Any] | None:
        """The row of a network that was judged before this run was resumed."""
        state = state_hash(network)
        return next((row for row in self.folder.teachers() if row["state"] == state), None)

    def _say_teacher(self, role: str, network: str, row: Mapping[str, Any]) -> None:
        share = row["valid"]
        if share is None:
            return
        self.progress.say(
            f"{role} ({network}): {share:.2f} % of the validation images, before training"
        )
        warning = chance_warning(share / 100, len(self.data.classes))
        if warning:
            self.progress.say(f"warning: {warning}")

    def prepare(self, cell: Cell) -> _Prepared:
        """Networks, losses and loaders of a cell, as they are before its first step."""
        recipe, settings = self.recipe, self.recipe.settings(cell.phase)
        networks = {
            role.network: self.workshop.network(role.network).cpu()
            for role in cell.phase.roles.values()
        }
        for role in cell.phase.roles.values():
            if role.trainable:  # the other variants must start from the same weights
                networks[role.network] = copy.deepcopy(networks[role.network])
        state = machine()
        common: Any = {"batch_size": settings.batch_size, "seed": recipe.seed,
                       "workers": settings.workers}  # fmt: skip
        augment = augmentation(recipe.augment, len(self.data.classes), self.data.mean)
        images = next(Loader(self.data.train, settings.batch_size).epoch(0)).inputs
        specs = build_specs(cell.phase.roles, networks, images, recipe.encoder, self.data)
        objective = build_objective(cell.losses, specs, recipe.seed)
        train = Loader(
            self.data.train,
            augment=augment,
            shuffle=True,
            drop_last=objective.full_batches,
            rank=state.process_index,
            world=state.num_processes,
            **common,
        )
        valid = judge.split_loader(self.data.valid, settings)
        return _Prepared(networks, specs, objective, train, valid)

    def check(self) -> list[dict[str, Any]]:
        """Build every cell, so that an impossible one is refused before hours are spent on others.

        Returns one row for each: what would be trained.
        """
        before, rows = dict(self.workshop.networks), []
        for cell in cells(self.recipe):
            with compiling(False):
                ready, settings = self.prepare(cell), self.recipe.settings(cell.phase)
            encoding = self.recipe.encoder
            built = build_distiller(cell.phase.roles, ready.networks, ready.objective, encoding)
            if settings.checkpoint == "stage":
                built.recompute_stages()
            for tapped in built.tapped:
                tapped.close()
            student = cell.phase.roles[cell.phase.student]
            rows.append(
                {
                    "cell": cell.name,
                    "network": student.network,
                    "timesteps": student.timesteps,
                    "losses": [loss.name for loss in cell.losses],
                    "parameters": parameter_count(ready.networks[student.network]),
                    "epochs": settings.epochs,
                    "steps": settings.epochs * len(ready.train),
                }
            )
        # a twin of a network that is yet to be trained must be made again from the trained one
        self.workshop.networks = before
        return rows

    def compiling(self, cell: Cell) -> AbstractContextManager[None]:
        """Compile the loops of neurons, or not, as the phase says."""
        wanted = self.recipe.settings(cell.phase).compile != "off"
        return compiling(wanted and compile_is_on())

    def one(self, cell: Cell) -> dict[str, Any]:
        """Train and judge one cell, or take it as it was finished before."""
        with self.compiling(cell):
            return self._one(cell)

    def _one(self, cell: Cell) -> dict[str, Any]:
        folder = self.folder.cell(cell.name)
        finished = folder.result()
        ready = self.prepare(cell)
        if finished is None:
            finished = self._train(cell, ready, folder)
        else:
            self._reload(cell, ready, folder)
        if cell.main:
            self.workshop.networks.update(ready.networks)
            self.learned = ready.objective
        return finished

    def _train(self, cell: Cell, ready: _Prepared, folder: RunFolder) -> dict[str, Any]:
        phase, settings = cell.phase, self.recipe.settings(cell.phase)
        role = phase.roles[phase.student]
        if self.learned is not None:
            ready.objective.adopt(self.learned)
        main = machine().is_main_process
        if main:
            made = manifest(self.recipe.seed, self.data.hashes, self._teacher_hash(cell, ready))
            folder.begin(self._cell_config(cell), made, (folder / checkpoint.NAME).exists())
            folder.write_json("model.json", self._card(role.network, role.timesteps))
        distiller = build_distiller(
            phase.roles, ready.networks, ready.objective, self.recipe.encoder
        )
        fitted = fit(
            distiller,
            ready.train,
            ready.valid,
            settings,
            folder,
            seed=self.recipe.seed,
            student=phase.student,
            title=cell.name,
            progress=self.progress,
            look=self.look,
        )
        for tapped in distiller.tapped:
            tapped.close()
        row = {
            "cell": cell.name,
            "role": phase.student,
            "network": role.network,
            "losses": [loss.name for loss in cell.losses],
            "epochs": settings.epochs,
            "best": fitted.best,
            "train_seconds": fitted.seconds,
            **judge.row(fitted.network, role.timesteps, self.data, self.recipe.encoder, settings),
        }
        if main:
            self._keep(cell, ready, folder)
            folder.write_json("result.json", row)
        return row

    def _keep(self, cell: Cell, ready: _Prepared, folder: RunFolder) -> None:
        """Save what later phases and other programs need beside the student itself."""
        phase = cell.phase
        for name, role in phase.roles.items():
            if role.trainable and name != phase.student:
                folder.save_model(ready.networks[role.network], f"network-{role.network}")
        if any(True for _ in ready.objective.parameters()):
            folder.save_model(ready.objective, "objective")
        if cell == cells(self.recipe)[-1]:
            role = phase.roles[phase.student]
            self.folder.save_model(ready.networks[role.network])
            self.folder.write_json("model.json", self._card(role.network, role.timesteps))

    def _reload(self, cell: Cell, ready: _Prepared, folder: RunFolder) -> None:
        """Put a finished cell's networks and losses into the state in which it left them."""
        if not cell.main:
            return
        for name, role in cell.phase.roles.items():
            if role.trainable:
                own = "model" if name == cell.phase.student else f"network-{role.network}"
                load_weights(ready.networks[role.network], folder / f"{own}.safetensors")
        if (folder / "objective.safetensors").exists():
            load_weights(ready.objective, folder / "objective.safetensors")

    def _teacher_hash(self, cell: Cell, ready: _Prepared) -> str | None:
        frozen = [r.network for r in cell.phase.roles.values() if not r.trainable]
        return state_hash(ready.networks[frozen[0]]) if frozen else None

    def _cell_config(self, cell: Cell) -> dict[str, Any]:
        """The recipe with this phase and this set of losses only."""
        only = cell.phase.model_copy(update={"losses": cell.losses, "compare": {}})
        return self.recipe.model_copy(update={"phases": (only,)}).plain() | {"cell": cell.name}

    def _card(self, network: str, timesteps: int) -> dict[str, Any]:
        return model_card(self.recipe, network, timesteps, Facts.of(self.data), self.data.classes)

    def pictures(self, result: Mapping[str, Any]) -> None:
        """`result.png` and `curves.png` of the run folder."""
        self.folder.write("result.png", lambda path: plot_result(result, path))
        histories = {
            cell.name: self.folder.cell(cell.name).metrics() for cell in cells(self.recipe)
        }
        self.folder.write("curves.png", lambda path: plot_curves(histories, path))


def plan(
    recipe: Recipe,
    data_dir: Path | str | None = None,
    progress: Silent | None = None,
    data: DataSet | None = None,
) -> list[dict[str, Any]]:
    """What a run would do, with everything built and nothing trained: one row for each cell."""
    folder, recipe = RunFolder(default_folder(recipe)), settled(recipe)
    return _Run(recipe, folder, data_dir, progress or Silent(), data=data).check()
