"""A recipe with its data and its networks: where every cell of it is prepared."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from spikedistill.build.cells import Cell, cells
from spikedistill.build.data import as_images, build_data, check_inputs, split_loader
from spikedistill.build.losses import build_distiller, build_objective, build_specs
from spikedistill.build.networks import Facts, Say, Workshop
from spikedistill.core.machine import machine
from spikedistill.core.objective import Objective
from spikedistill.core.spec import Spec
from spikedistill.costs.operations import parameter_count
from spikedistill.data import DataSet, Loader, augmentation
from spikedistill.functional.compiled import compile_is_on, compiling
from spikedistill.recipes.schema import Recipe
from spikedistill.teachers import load_weights
from spikedistill.training.distiller import Distiller
from spikedistill.training.run_folder import RunFolder


@dataclass
class Prepared:
    """A cell ready to be trained, or to be looked at as it was left."""

    cell: Cell
    networks: dict[str, nn.Module]
    specs: dict[str, Spec]
    objective: Objective
    train: Loader
    valid: Loader | None
    encoding: str

    def distiller(self) -> Distiller:
        """All that runs in the cell as one module."""
        roles = self.cell.phase.roles
        return build_distiller(roles, self.networks, self.objective, self.encoding)

    def model_file(self, role: str) -> str:
        """The file in the folder of the cell that keeps what a role learned, without its end."""
        network = self.cell.phase.roles[role].network
        return "model" if role == self.cell.phase.student else f"network-{network}"

    def reload(self, folder: RunFolder) -> None:
        """Put the networks that learn into the state in which the finished cell left them."""
        for name, role in self.cell.phase.roles.items():
            if role.trainable:
                file = folder / f"{self.model_file(name)}.safetensors"
                load_weights(self.networks[role.network], file)

    def reload_losses(self, folder: RunFolder) -> None:
        """The same for what the losses learned, where they learn."""
        if (folder / "objective.safetensors").exists():
            load_weights(self.objective, folder / "objective.safetensors")


@dataclass
class Experiment:
    """A recipe with its data and its networks, and with what its phases so far have left.

    Args:
        recipe: with its precision decided (`cells.settled`).
        data_dir: where data sets and weights lie.
        say: gets the sentences that a user should read.
        networks: networks of the recipe that come from Python, by name.
        data: the data, where they come from Python; default as the recipe names them.
    """

    recipe: Recipe
    data_dir: Path | str | None = None
    say: Say = str
    networks: Mapping[str, nn.Module] | None = None
    data: DataSet = None  # type: ignore[assignment]
    learned: Objective | None = field(default=None, init=False)
    """What the losses of the phase before learned."""

    def __post_init__(self) -> None:
        recipe = self.recipe
        if self.data is None:
            self.data = build_data(recipe.data, self.data_dir, recipe.seed)
        check_inputs(self.data, recipe.encoder, recipe.augment)
        for note in self.data.notes:
            self.say(f"note: {note}")
        self.workshop = Workshop(
            recipe.networks,
            Facts.of(self.data),
            recipe.seed,
            self.data_dir,
            images=as_images(next(Loader(self.data.train, 16).epoch(0)).inputs),
            say=self.say,
            networks=dict(self.networks or {}),
        )
        trained: set[str] = set()
        for phase in recipe.phases:
            for role in phase.roles.values():
                entry = recipe.networks[role.network]
                if entry.kind != "twin_of" or entry.name not in trained:
                    self.workshop.network(role.network)
            trained |= {role.network for role in phase.roles.values() if role.trainable}

    def prepare(self, cell: Cell) -> Prepared:
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
        valid = split_loader(self.data.valid, settings)
        return Prepared(cell, networks, specs, objective, train, valid, recipe.encoder)

    def go_on_from(self, ready: Prepared) -> None:
        """Let the phases that follow see what a main cell has trained."""
        self.workshop.networks.update(ready.networks)
        self.learned = ready.objective

    def compiling(self, cell: Cell) -> AbstractContextManager[None]:
        """Compile the loops of neurons, or not, as the phase says."""
        wanted = self.recipe.settings(cell.phase).compile != "off"
        return compiling(wanted and compile_is_on())

    def check(self) -> list[dict[str, Any]]:
        """Build every cell, so that an impossible one is refused before hours are spent on others.

        Returns one row for each: what would be trained.
        """
        before = dict(self.workshop.networks)
        rows = [self._check(cell) for cell in cells(self.recipe)]
        # a twin of a network that is yet to be trained must be made again from the trained one
        self.workshop.networks = before
        return rows

    def _check(self, cell: Cell) -> dict[str, Any]:
        settings = self.recipe.settings(cell.phase)
        with compiling(False):
            ready = self.prepare(cell)
        built = ready.distiller()
        if settings.checkpoint == "stage":
            built.recompute_stages()
        built.close()
        student = cell.phase.roles[cell.phase.student]
        return {
            "cell": cell.name,
            "network": student.network,
            "timesteps": student.timesteps,
            "losses": [loss.name for loss in cell.losses],
            "parameters": parameter_count(ready.networks[student.network]),
            "epochs": settings.epochs,
            "steps": settings.epochs * len(ready.train),
        }
