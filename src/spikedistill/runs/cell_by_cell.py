"""A run: cell by cell train, judge on the test split, and keep everything in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from spikedistill.build.cells import Cell, cells
from spikedistill.build.experiment import Experiment, Prepared
from spikedistill.build.networks import Facts
from spikedistill.build.saved import model_card
from spikedistill.core.machine import machine
from spikedistill.report.plot import plot_curves, plot_result
from spikedistill.runs.row import measured
from spikedistill.teachers import chance_warning
from spikedistill.training import checkpoint
from spikedistill.training.manifest import manifest, state_hash
from spikedistill.training.progress import Silent
from spikedistill.training.run_folder import RunFolder
from spikedistill.training.trainer import Look, fit


@dataclass
class Run:
    """One run of a recipe: what is finished in its folder is not done again.

    Args:
        experiment: the recipe with its data and networks.
        folder: where everything is kept.
        progress: the display.
        look: measures something after every epoch (`training.trainer.fit`).
    """

    experiment: Experiment
    folder: RunFolder
    progress: Silent
    look: Look | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recipe, self.data = self.experiment.recipe, self.experiment.data

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
                network = self.experiment.workshop.network(role.network)
                row = self._known_teacher(network) or measured(
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

    def one(self, cell: Cell) -> dict[str, Any]:
        """Train and judge one cell, or take it as it was finished before."""
        with self.experiment.compiling(cell):
            folder = self.folder.cell(cell.name)
            finished, ready = folder.result(), self.experiment.prepare(cell)
            if finished is None:
                finished = self._train(cell, ready, folder)
            elif cell.main:
                ready.reload(folder)
                ready.reload_losses(folder)
            if cell.main:
                self.experiment.go_on_from(ready)
            return finished

    def _train(self, cell: Cell, ready: Prepared, folder: RunFolder) -> dict[str, Any]:
        phase, settings = cell.phase, self.recipe.settings(cell.phase)
        role = phase.roles[phase.student]
        if self.experiment.learned is not None:
            ready.objective.adopt(self.experiment.learned)
        main = machine().is_main_process
        if main:
            made = manifest(self.recipe.seed, self.data.hashes, self._teacher_hash(ready))
            folder.begin(self._cell_config(cell), made, (folder / checkpoint.NAME).exists())
            folder.write_json("model.json", self._card(role.network, role.timesteps))
        distiller = ready.distiller()
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
        distiller.close()
        row = {
            "cell": cell.name,
            "role": phase.student,
            "network": role.network,
            "losses": [loss.name for loss in cell.losses],
            "epochs": settings.epochs,
            "best": fitted.best,
            "train_seconds": fitted.seconds,
            **measured(fitted.network, role.timesteps, self.data, self.recipe.encoder, settings),
        }
        if main:
            self._keep(ready, folder)
            folder.write_json("result.json", row)
        return row

    def _keep(self, ready: Prepared, folder: RunFolder) -> None:
        """Save what later phases and other programs need beside the student itself."""
        phase = ready.cell.phase
        for name, role in phase.roles.items():
            if role.trainable and name != phase.student:
                folder.save_model(ready.networks[role.network], ready.model_file(name))
        if any(True for _ in ready.objective.parameters()):
            folder.save_model(ready.objective, "objective")
        if ready.cell == cells(self.recipe)[-1]:
            role = phase.roles[phase.student]
            self.folder.save_model(ready.networks[role.network])
            self.folder.write_json("model.json", self._card(role.network, role.timesteps))

    def _teacher_hash(self, ready: Prepared) -> str | None:
        frozen = [r.network for r in ready.cell.phase.roles.values() if not r.trainable]
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
