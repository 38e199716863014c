"""A run: cell by cell train, judge on the test split, and keep everything in one folder."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from spikedistill.build.cells import Cell, cells
from spikedistill.build.data import task_of
from spikedistill.build.experiment import Experiment, Prepared
from spikedistill.build.saved import model_card
from spikedistill.core.machine import machine
from spikedistill.core.row import Row
from spikedistill.data import DataSet
from spikedistill.pages.plot import plot_curves, plot_result
from spikedistill.recipes.schema import Phase
from spikedistill.runs.measure_row import measured
from spikedistill.training import checkpoint
from spikedistill.training import track as tracking
from spikedistill.training.manifest import manifest, state_hash
from spikedistill.training.progress import Silent
from spikedistill.training.run_folder import RunFolder
from spikedistill.training.track import OnEpoch
from spikedistill.training.trainer import Fitted, Look, fit


@dataclass
class Run:
    """One run of a recipe: what is finished in its folder is not done again.

    Args:
        experiment: the recipe with its data and networks.
        folder: where everything is kept.
        progress: the display.
        look: measures something after every epoch (`training.trainer.fit`).
        on_epoch: called after every epoch with its line of metrics.
    """

    experiment: Experiment
    folder: RunFolder
    progress: Silent
    look: Look | None = None
    on_epoch: OnEpoch | None = None
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recipe, self.data = self.experiment.recipe, self.experiment.data

    def all(self) -> dict[str, Any]:
        """Every cell that is not finished, then the table and the pictures."""
        self.folder.refuse_changes(self.experiment.hashes)
        self.meet_teachers()
        for cell in cells(self.recipe):
            self.rows += self.one(cell)
        result = {
            "name": self.recipe.name,
            "seed": self.recipe.seed,
            "claim": self.recipe.claim and self.recipe.claim.model_dump(),
            "data": self.data.name,
            "rows": [row.plain() for row in self.rows],
            "main": cells(self.recipe)[-1].name,
        }
        if machine().is_main_process:
            self.pictures(result)
            self.folder.write_json("result.json", result)
        return result

    def meet_teachers(self) -> None:
        """Judge the networks that come trained, before anything learns from them."""
        learning = {
            phase.roles[name].network for phase in self.recipe.phases for name in phase.learning
        }
        for phase in self.recipe.phases:
            for name, role in phase.roles.items():
                entry = self.recipe.networks[role.network]
                changes = role.network in learning or bool(learning & set(entry.sources))
                only_judged = not phase.learning and name == phase.student
                if changes or only_judged or role.network in {row.network for row in self.rows}:
                    continue
                self.rows.append(self._teacher(name, phase))
        if machine().is_main_process and self.rows:
            self.folder.write_json("teachers.json", [row.plain() for row in self.rows])

    def _teacher(self, name: str, phase: Phase) -> Row:
        """The row of a network that comes trained, measured or as it was known before."""
        role, data = phase.roles[name], self.experiment.data_of(phase)
        network = self.experiment.workshop.network(role.network)
        state = state_hash(network)
        row = self._known_teacher(state)
        if row is None:
            settings, metrics = self.recipe.settings(phase), self.experiment.metrics(data)
            row = measured(network, role.timesteps, data, self.recipe.encoder, settings, metrics,
                           role=name, network=role.network, state=state)  # fmt: skip
        row.role, row.network = name, role.network
        self._say_teacher(row, data)
        return row

    def _known_teacher(self, state: str) -> Row | None:
        """The row of a network that was judged before this run was resumed."""
        known = [Row.from_plain(row) for row in self.folder.teachers()]
        return next((row for row in known if row.state == state), None)

    def _say_teacher(self, row: Row, data: DataSet) -> None:
        if row.valid is None:
            return
        task = task_of(data)
        said = f"{row.valid:.2f} {row.unit}".strip()
        if row.metric == "accuracy":
            said += f" of the validation {task.sample}s"
        else:
            said = f"{row.metric} {said} on the validation {task.sample}s"
        self.progress.say(f"{row.role} ({row.network}): {said}, before training")
        warning = None
        if row.metric == task.metrics[0]:
            warning = task.near_chance(row.valid, len(data.classes) or None)
        if warning:
            self.progress.say(f"warning: {warning}")

    def one(self, cell: Cell) -> list[Row]:
        """Train and judge one cell, or take it as it was finished before; the student is last."""
        with self.experiment.compiling(cell):
            folder = self.folder.cell(cell.name)
            finished, ready = folder.result(), self.experiment.prepare(cell)
            if finished is None:
                rows = self._train(ready, folder)
            else:
                rows = [Row.from_plain(row) for row in (*finished.get("others", ()), finished)]
                if cell.main:
                    ready.reload(folder)
                    ready.reload_losses(folder)
            if cell.main:
                self.experiment.go_on_from(ready)
            return rows

    def _train(self, ready: Prepared, folder: RunFolder) -> list[Row]:
        cell, settings = ready.cell, self.recipe.settings(ready.cell.phase)
        phase = cell.phase
        role = phase.roles[phase.student]
        if self.experiment.learned is not None and ready.objective is not None:
            ready.objective.adopt(self.experiment.learned)
        main = machine().is_main_process
        if main:
            made = manifest(self.recipe.seed, ready.data.hashes, self._teacher_hash(ready))
            folder.begin(self._cell_config(cell), made, (folder / checkpoint.NAME).exists())
            folder.write_json("model.json", self._card(ready, role.network, role.timesteps))
        fitted = self._fitted(ready, folder) if settings.epochs else None
        if main and fitted is None:
            folder.write_metrics([])
        rows = [self._row(ready, name, fitted) for name in cell.judged]
        if main:
            self._keep(ready, folder)
            *others, student = (row.plain() for row in rows)
            folder.write_json("result.json", student | ({"others": others} if others else {}))
        return rows

    def _fitted(self, ready: Prepared, folder: RunFolder) -> Fitted:
        """Train what learns."""
        cell, settings = ready.cell, self.recipe.settings(ready.cell.phase)
        distiller = ready.distiller()
        own = {name: role.training for name, role in cell.phase.roles.items() if role.training}
        with self._tracked(cell) as track:
            fitted = fit(
                distiller,
                ready.train,
                ready.valid,
                settings,
                folder,
                seed=self.recipe.seed,
                student=cell.phase.student,
                title=cell.name,
                progress=self.progress,
                look=self.look,
                metrics=self.experiment.metrics(ready.data),
                own=own,
                on_epoch=track,
            )
        distiller.close()
        return fitted

    @contextmanager
    def _tracked(self, cell: Cell) -> Generator[OnEpoch]:
        """What is told of every epoch: trackers, then whoever asked."""
        settings = self.recipe.settings(cell.phase)
        losses = " + ".join(loss.name for loss in cell.losses)
        facts = {"cell": cell.name, "seed": self.recipe.seed, "losses": losses, **asdict(settings)}
        where = self.folder / tracking.FOLDER / cell.name
        with tracking.tracked(settings.track, where, self.recipe.name, facts) as track:

            def tell(row: dict[str, Any]) -> None:
                for told in (track, self.on_epoch):
                    if told is not None:
                        told(row)

            yield tell

    def _row(self, ready: Prepared, name: str, fitted: Fitted | None) -> Row:
        """How good a network is that a cell leaves behind."""
        cell, role = ready.cell, ready.cell.phase.roles[name]
        settings = self.recipe.settings(cell.phase)
        is_student = name == cell.phase.student
        return measured(
            ready.networks[role.network],
            role.timesteps,
            ready.data,
            self.recipe.encoder,
            settings,
            self.experiment.metrics(ready.data),
            cell=cell.name,
            role=name,
            network=role.network,
            file=cell.model_file(name),
            losses=[loss.name for loss in cell.losses if is_student or loss.learner == name],
            epochs=settings.epochs,
            best=fitted.best if fitted and is_student else {},
            train_seconds=fitted.seconds if fitted else None,
        )

    def _keep(self, ready: Prepared, folder: RunFolder) -> None:
        """Save what later phases and other programs need."""
        cell = ready.cell
        for name in cell.judged:
            folder.save_model(ready.networks[cell.phase.roles[name].network], cell.model_file(name))
        if ready.objective is not None and any(True for _ in ready.objective.parameters()):
            folder.save_model(ready.objective, "objective")
        if cell == cells(self.recipe)[-1]:
            role = cell.phase.roles[cell.phase.student]
            self.folder.save_model(ready.networks[role.network])
            self.folder.write_json("model.json", self._card(ready, role.network, role.timesteps))

    def _teacher_hash(self, ready: Prepared) -> str | None:
        """The hash of a frozen network; of several, those of all in one text."""
        roles = ready.cell.phase.roles.values()
        learning = {role.network for role in roles if role.trainable}
        frozen = dict.fromkeys(role.network for role in roles if role.network not in learning)
        hashes = {name: state_hash(ready.networks[name]) for name in frozen}
        if len(hashes) < 2:
            return next(iter(hashes.values()), None)
        return " ".join(f"{name}:{value}" for name, value in hashes.items())

    def _cell_config(self, cell: Cell) -> dict[str, Any]:
        """The recipe with this phase and this set of losses only."""
        only = cell.phase.model_copy(update={"losses": cell.losses, "compare": {}})
        return self.recipe.model_copy(update={"phases": (only,)}).plain() | {"cell": cell.name}

    def _card(self, ready: Prepared, network: str, timesteps: int) -> dict[str, Any]:
        facts, made = self.experiment.workshop.facts, ready.networks[network]
        phase = ready.cell.phase
        return model_card(self.recipe, network, timesteps, facts, ready.data, phase, made)

    def pictures(self, result: Mapping[str, Any]) -> None:
        """`result.png` and `curves.png` of the run folder."""
        self.folder.write("result.png", lambda path: plot_result(result, path))
        histories = {
            cell.name: self.folder.cell(cell.name).metrics() for cell in cells(self.recipe)
        }
        self.folder.write("curves.png", lambda path: plot_curves(histories, path))
