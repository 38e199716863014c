"""A recipe with its data and its networks: where every cell of it is prepared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from spikedistill.build.cells import Cell, cells
from spikedistill.build.data import build_data, check_inputs, metrics_of, split_loader, with_task
from spikedistill.build.facts import Facts
from spikedistill.build.handed_over import check_same_neurons
from spikedistill.build.losses import Known, build_distiller, build_objective, build_specs
from spikedistill.build.meet import said_frozen
from spikedistill.build.networks import Say, Workshop
from spikedistill.core.copied import copied
from spikedistill.core.errors import CameFromPython, SpikedistillError
from spikedistill.core.machine import machine
from spikedistill.core.metric import Metric
from spikedistill.core.objective import Objective
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch
from spikedistill.costs.operations import parameter_count
from spikedistill.data import DataSet, Loader, augmentation, length, starts_at
from spikedistill.functional.compiled import compile_is_on, compiling
from spikedistill.recipes.schema import Phase, Recipe
from spikedistill.teachers import load_weights
from spikedistill.training.distiller import Distiller
from spikedistill.training.evaluate import metric_taps
from spikedistill.training.run_folder import RunFolder
from spikedistill.training.track import check_trackers


@dataclass
class Prepared:
    """A cell ready to be trained, or to be looked at as it was left."""

    cell: Cell
    data: DataSet
    networks: dict[str, nn.Module]
    specs: dict[str, Spec]
    objective: Objective | None
    """None in a phase that is judged without being trained and has no losses."""
    train: Loader
    valid: Loader | None
    encoding: str

    def distiller(self) -> Distiller:
        """All that runs in the cell as one module."""
        assert self.objective is not None
        roles = self.cell.phase.roles
        return build_distiller(roles, self.networks, self.objective, self.encoding)

    def reload(self, folder: RunFolder) -> None:
        """Put the networks that learn into the state in which the finished cell left them.

        Raises:
            SpikedistillError: if a file is damaged or does not fit, or a student that came from
                Python has other neurons now.
        """
        for name in self.cell.judged:
            role = self.cell.phase.roles[name]
            file = folder / f"{self.cell.model_file(name)}.safetensors"
            load_weights(self.networks[role.network], file)
        student = self.cell.phase.roles[self.cell.phase.student].network
        check_same_neurons(self.networks[student], folder.card().get("neurons"))

    def reload_losses(self, folder: RunFolder) -> None:
        """The same for what the losses learned, where they learn."""
        if (folder / "objective.safetensors").exists() and self.objective is not None:
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
    data: DataSet | None = None
    learned: Objective | None = field(default=None, init=False)
    """What the losses of the phase before learned."""
    _seen: Known | None = field(default=None, init=False, repr=False)
    _said: set[str] = field(default_factory=set[str], init=False)

    def __post_init__(self) -> None:
        recipe = self.recipe
        if self.data is None:
            self.data = build_data(recipe.data, self.data_dir, recipe.seed)
        self.collate = self.data.collate
        self.data = with_task(self.data)
        self._of_phase = {
            phase.name: build_data(phase.data, self.data_dir, recipe.seed)
            for phase in recipe.phases
            if phase.data is not None
        }
        for data in (self.data, *self._of_phase.values()):
            check_inputs(data, recipe.encoder, recipe.augment)
            for note in data.notes:
                self.say(f"note: {note}")
        self.workshop = self._workshop()
        self._take_classes()
        try:
            trained = self._make_networks()
        except CameFromPython as error:
            raise SpikedistillError(
                f"{error.facts}; call spikedistill.distill with the same arguments and out folder"
            ) from error
        for name in sorted(trained & self.workshop.networks.keys()):
            frozen = said_frozen(name, self.workshop.networks[name])
            if frozen:
                self.say(frozen)

    def _workshop(self) -> Workshop:
        recipe = self.recipe
        assert self.data is not None
        return Workshop(
            recipe.networks,
            Facts.of(self.data),
            recipe.seed,
            self.data_dir,
            timesteps=timesteps_of(recipe),
            batches=self._batches,
            say=self.say,
            networks=dict(self.networks or {}),
        )

    def _make_networks(self) -> set[str]:
        """Make those that are not made from what an earlier phase trains; who learns at all."""
        trained: set[str] = set()
        for phase in self.recipe.phases:
            for role in phase.roles.values():
                if not trained & set(self.recipe.networks[role.network].sources):
                    self.workshop.network(role.network)
            trained |= {phase.roles[name].network for name in phase.learning}
        return trained

    def _take_classes(self) -> None:
        """Let the user's networks say how many classes there are, where only labels were counted.

        Raises:
            SpikedistillError: if labels begin at 1, so that they do not fit the networks.
        """
        assert self.data is not None
        if not self.data.counted:
            return
        for name, entry in self.recipe.networks.items():
            if entry.call is not None:
                self.workshop.network(name)
        known, widths = len(self.data.classes), set(self.workshop.widths.values())
        if len(widths) != 1:
            return
        width = widths.pop()
        if width < known and starts_at(self.data) == known - width:
            raise SpikedistillError(
                f"{self.data.name}: labels run from {known - width} to {known - 1}, and the "
                f"networks tell {width} classes apart, numbered from 0 to {width - 1}; subtract "
                f"{known - width} from every label"
            )
        if width > known:
            self.say(
                f"note: the labels of {self.data.name} run to {known - 1}, and the networks tell "
                f"{width} classes apart; so many are taken"
            )
            names = tuple(map(str, range(width)))
            self.data = with_task(replace(self.data, classes=names, collate=self.collate))
            self.workshop.facts = replace(self.workshop.facts, classes=width)

    def data_of(self, phase: Phase) -> DataSet:
        """The data of a phase."""
        return self._of_phase.get(phase.name, self.data)

    @property
    def hashes(self) -> dict[str, str]:
        """Which bytes went in: the hashes of all data, by name."""
        found = dict(self.data.hashes)
        for data in self._of_phase.values():
            found |= data.hashes
        return found

    def metrics(self, data: DataSet) -> list[Callable[[], Metric]]:
        """What makes the metrics that judge on some data."""
        return metrics_of(data, self.recipe.metrics)

    def _batches(self) -> Iterator[Batch]:
        """Training batches in a fixed order, for conversions that need data."""
        size = self.recipe.settings(self.recipe.phases[0]).batch_size
        size = min(size, length(self.data.train))
        loader = Loader(self.data.train, size, self.recipe.seed, shuffle=True,
                        collate=self.data.how)  # fmt: skip
        return loader.epoch(0)

    def prepare(self, cell: Cell) -> Prepared:
        """Networks, losses and loaders of a cell, as they are before its first step."""
        recipe, settings, roles = self.recipe, self.recipe.settings(cell.phase), cell.phase.roles
        data = self.data_of(cell.phase)
        networks = {
            role.network: self.workshop.network(role.network).cpu() for role in roles.values()
        }
        for name in cell.judged:  # the other variants must start from the same weights
            network = roles[name].network
            networks[network] = copied(networks[network], network)
        state, learning = machine(), [roles[name].network for name in cell.phase.learning]
        common: Any = {"batch_size": settings.batch_size, "seed": recipe.seed,
                       "workers": settings.workers, "collate": data.how}  # fmt: skip
        augment = augmentation(recipe.augment, len(data.classes), data.mean)
        batch = next(Loader(data.train, settings.batch_size, collate=data.how).epoch(0))
        specs = build_specs(roles, networks, batch, recipe.encoder, data, known=self._seen)
        objective = build_objective(cell.losses, specs, recipe.seed) if cell.losses else None
        train = Loader(
            data.train,
            augment=augment,
            shuffle=True,
            drop_last=objective is not None and objective.full_batches,
            drop_single=_normalises(objective, *(networks[name] for name in learning)),
            rank=state.process_index,
            world=state.num_processes,
            **common,
        )
        if train.single:
            self._say_single(data, train)
        valid = split_loader(data, data.valid, settings)
        return Prepared(cell, data, networks, specs, objective, train, valid, recipe.encoder)

    def _say_single(self, data: DataSet, train: Loader) -> None:
        note = (
            f"note: of the {train.samples:,} training samples of {data.name} one would be left for "
            f"a last batch of its own (of {train.global_batch}), and a batch norm that learns has "
            "no variance of one; in every epoch the one that comes last is left out"
        )
        if note not in self._said:
            self._said.add(note)
            self.say(note)

    def go_on_from(self, ready: Prepared) -> None:
        """Let the phases that follow see what a main cell has trained."""
        self.workshop.networks.update(ready.networks)
        self.learned = ready.objective or self.learned

    def compiling(self, cell: Cell) -> AbstractContextManager[None]:
        """Compile the loops of neurons, or not, as the phase says."""
        wanted = self.recipe.settings(cell.phase).compile != "off"
        return compiling(wanted and compile_is_on())

    def check(self) -> list[dict[str, Any]]:
        """Build every cell, so that an impossible one is refused before hours are spent on others.

        Returns one row for each: what would be trained.
        """
        before = dict(self.workshop.networks)
        self._seen = {}  # nothing learns here, so each network is looked at once
        try:
            rows = [self._check(cell) for cell in cells(self.recipe)]
        finally:
            self._seen = None
        # a twin of a network that is yet to be trained must be made again from the trained one
        self.workshop.networks = before
        return rows

    def _check(self, cell: Cell) -> dict[str, Any]:
        settings = self.recipe.settings(cell.phase)
        with compiling(False):
            ready = self.prepare(cell)
        self._check_judges(ready, settings.epochs)
        check_trackers(settings.track)
        if ready.objective is not None:
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

    def _check_judges(self, ready: Prepared, epochs: int) -> None:
        """Refuse metrics of taps that are not there, and a phase that can say nothing."""
        made = [make() for make in self.metrics(ready.data)]
        for name in ready.cell.judged:
            metric_taps(ready.networks[ready.cell.phase.roles[name].network], made)
        judges = made and (length(ready.data.test) or length(ready.data.valid))
        if not epochs and not judges:
            raise SpikedistillError(
                f"{ready.cell.name} has epochs: 0 and nothing judges its result: "
                f"{ready.data.name} has no samples to test or validate on, or its task "
                f"({ready.data.task}) no metric; train it, or give it something to be judged by"
            )


def _normalises(*learning: nn.Module | None) -> bool:
    """Whether something that learns has a batch norm."""
    modules = (module for one in learning if one is not None for module in one.modules())
    return any(isinstance(module, _BatchNorm) for module in modules)


def timesteps_of(recipe: Recipe) -> dict[str, int]:
    """Network -> T of the role in which it learns; where it never does, the largest T."""
    found: dict[str, int] = {}
    learning: dict[str, int] = {}
    for phase in recipe.phases:
        for role in phase.roles.values():
            found[role.network] = max(found.get(role.network, 1), role.timesteps)
            if role.trainable:
                most = max(learning.get(role.network, 1), role.timesteps)
                learning[role.network] = most
    return found | learning
