"""The networks of a finished run looked at once, and kept in the run folder for its reports."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from spikedistill.analysis.examine_apart import APART, NO_PICTURES, Apart
from spikedistill.analysis.looks import IMAGES, Examinations, Key, Looking
from spikedistill.build.cells import Cell, cells
from spikedistill.build.data import build_data
from spikedistill.build.experiment import Experiment, Prepared
from spikedistill.build.handed_over import (
    Data,
    Networks,
    check_names,
    data_of,
    networks_of,
    other_data,
    root_of,
    with_classes,
)
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.loss import Loss
from spikedistill.core.machine import machine
from spikedistill.core.objective import Term
from spikedistill.core.row import Row
from spikedistill.core.trace import Trace
from spikedistill.data import Collate, DataSet, Loader, Samples, length
from spikedistill.explain.attention import mean_pictures
from spikedistill.pages.examined import Examined, read_examined
from spikedistill.pages.sections import SECTIONS
from spikedistill.recipes.schema import Recipe, parse
from spikedistill.tasks import TASKS
from spikedistill.training.distiller import Distiller
from spikedistill.training.manifest import state_hash
from spikedistill.training.progress import Silent
from spikedistill.training.run_folder import RunFolder

MODEL = "model.safetensors"
NEEDED = {
    *("task", "classes", "energy_at", "images", "layers", "maps", "operations", "pictures"),
    *("spiking", "test_images", "timesteps", "totals"),
}
"""What a look on disk has to say; one that does not is taken again."""


def examine_run(
    path: Path | str,
    data_dir: Path | str | None = None,
    use_data: bool = True,
    progress: Silent | None = None,
    network: Networks = None,
    data: Data = None,
) -> Examinations:
    """Look at every finished network of a run; what was looked at before is read from disk.

    Kept in `RUN/examined/`. A network whose weights have changed since is looked at again.

    Args:
        path: the run folder.
        data_dir: where data sets lie; default as the run had it.
        use_data: False: only what is on disk.
        progress: gets a sentence for each network.
        network: the networks of the run that came from Python; a single one is the student's, or
            that of which it was made. They are not changed.
        data: the data, where they came from Python.

    Raises:
        SpikedistillError: if this is no run folder. What else is in the way is told in `missing`.
    """
    folder = RunFolder(path)
    recipe = parse(folder.config(), str(folder / "config.yaml"))
    looks, wanted = Examinations(), _wanted(folder, recipe)
    for key, mark in wanted.items():
        kept = read_examined(folder / "examined" / key[0], key[1], mark)
        if kept is not None and kept.facts.keys() >= NEEDED | _gathered(kept):
            looks.found[key] = kept
    looks.missing += _without_weights(folder, recipe)
    apart = {key for key, kept in looks.found.items() if kept.facts.get(APART)}
    again = apart if use_data and network is not None else set()
    looks.missing += [f"{name}: {NO_PICTURES}" for _, name in sorted(apart - again)]
    left = {key: m for key, m in wanted.items() if key not in looks.found or key in again}
    if not left:
        return looks
    if not use_data:
        names = ", ".join(name for _, name in left)
        looks.missing.append(f"Without data nothing new was measured of {names}.")
        return looks
    looking = Looking(folder, recipe.encoder, left, looks, progress or Silent())
    try:
        _look(looking, recipe, data_dir, network, data)
    except (SpikedistillError, OSError) as error:
        looks.missing.append(f"The networks could not be run: {error}")
    return looks


def _look(
    looking: Looking,
    recipe: Recipe,
    data_dir: Path | str | None,
    network: Networks,
    handed_data: Data,
) -> None:
    """Look at what is left, all together where all that came from Python is there as it was.

    Raises:
        SpikedistillError: if there are no data, or nothing can be built.
    """
    folder = looking.folder
    check_names(network, list(recipe.networks))
    from_python = [name for name, entry in recipe.networks.items() if entry.given is not None]
    last = recipe.phases[-1]
    student = last.roles[last.student].network
    if isinstance(network, Mapping):  # the others are for other runs of the same page
        network = {name: one for name, one in network.items() if name in from_python}
    elif root_of(recipe.networks, student) not in from_python:
        network = None
    handed = networks_of(network, recipe.networks, student)
    where = data_dir or folder.manifest().get("data_dir")
    data = with_classes(_data(folder, recipe, handed_data, where), folder.card().get("classes", ()))
    rows = _teachers(folder)
    others = {row.network for row in rows if row.network in handed
              and state_hash(handed[row.network]) != row.state}  # fmt: skip
    if others or set(from_python) - set(handed):
        Apart(looking, recipe, data, handed).all(rows)
        return
    experiment = Experiment(recipe, where, networks=handed, data=data)
    _Examination(experiment, looking).all()


def _data(folder: RunFolder, recipe: Recipe, handed: Data, data_dir: Path | str | None) -> DataSet:
    """The data of a run.

    Raises:
        SpikedistillError: if they came from Python and are not there, or others were handed over.
    """
    entry = recipe.data
    if entry.kind != "given":
        return build_data(entry, data_dir, recipe.seed)
    if handed is None:
        raise SpikedistillError(
            f"the data of {folder.path} ({entry.name}) came from Python and cannot be made again "
            "from the run folder; hand them over, with the networks: spikedistill.report(run, "
            "network=..., data=...), or --network module:factory --data module:factory"
        )
    data = data_of(handed, recipe.seed, data_dir)
    sentence = other_data(data, folder.manifest().get("data") or {})
    if sentence is not None:
        raise SpikedistillError(f"{sentence} A report shows what a run did on its own")
    return data


def _gathered(kept: Examined) -> set[str]:
    """Facts that the sections of the task keep; unknown where the data name their task."""
    task = kept.facts.get("task")
    sections = TASKS.find(task).sections if task else ()
    return {fact for name in sections for fact in SECTIONS.find(name).facts}


def _wanted(folder: RunFolder, recipe: Recipe) -> dict[Key, dict[str, Any]]:
    """Every network that is finished, and the hashes of what a look at it depends on."""
    wanted: dict[Key, dict[str, Any]] = {}
    for row in _teachers(folder):
        wanted["networks", row.network] = {"weights": row.state}
    for cell in cells(recipe):
        own = folder.cell(cell.name)
        if not all(_there(own)):
            continue
        names = (MODEL, "objective.safetensors")
        there = [own / name for name in names if (own / name).exists()]
        wanted["cells", cell.name] = {"weights": " ".join(map(_digest, there))}
        for file in map(cell.model_file, cell.judged[:-1]):
            path = own / f"{file}.safetensors"
            if path.exists():
                wanted["cells", f"{cell.name}-{file}"] = {"weights": _digest(path)}
    return wanted


def _without_weights(folder: RunFolder, recipe: Recipe) -> list[str]:
    """A sentence for each finished training whose network is gone."""
    return [
        f"{own / MODEL} is not there: nothing is shown of the inside of {own.path.name}; "
        "put it back, or train again in another folder."
        for own in (folder.cell(cell.name) for cell in cells(recipe))
        if _there(own) == (True, False)
    ]


def _there(own: RunFolder) -> tuple[bool, bool]:
    """Of a training: whether it is finished, and whether its network is there."""
    return (own / "result.json").exists(), (own / MODEL).exists()


def _teachers(folder: RunFolder) -> list[Row]:
    """The rows of networks that came trained, as far as they can be read."""
    found = []
    for plain in folder.teachers():
        try:
            row = Row.from_plain(plain)
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
        found += [row] if row.state else []
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass
class _Examination:
    """A look at those networks of a run that have not been looked at."""

    experiment: Experiment
    looking: Looking
    ready: set[str] = field(default_factory=set)
    """Main trainings whose networks are loaded, so that what builds on them can be made."""

    def __post_init__(self) -> None:
        self.folder, self.left = self.looking.folder, self.looking.left
        self.looks = self.looking.looks

    def all(self) -> None:
        for row in _teachers(self.folder):
            if ("networks", row.network) in self.left:
                with self.looking.telling(row.network):
                    self._given(row)
        for cell in cells(self.experiment.recipe):
            before = len(self.looks.missing)
            there, whole = _there(self.folder.cell(cell.name))
            if there and whole:
                with self.looking.telling(cell.name), self.experiment.compiling(cell):
                    self._cell(cell)
            if cell.main and cell.name not in self.ready:
                self._stop(cell, there and (not whole or len(self.looks.missing) > before))
                return

    def _stop(self, cell: Cell, failed: bool) -> None:
        """Say which trainings stand on one that could not be loaded, and are left out."""
        names = [one.name for one in cells(self.experiment.recipe)]
        later = names[names.index(cell.name) + 1 :]
        if failed and later:
            text = f"{', '.join(later)}: left out, because what {cell.name} trained is needed"
            self.looks.missing.append(text)

    def _given(self, row: Row) -> None:
        """A network that came trained."""
        if row.network not in self.experiment.recipe.networks:
            raise SpikedistillError("the recipe has no network of this name")
        network = self.experiment.workshop.network(row.network)
        phases = self.experiment.recipe.phases
        mine = [p for p in phases if row.network in {r.network for r in p.roles.values()}]
        data = self.experiment.data_of(mine[0]) if mine else self.experiment.data
        self.looking.one(("networks", row.network), network, row.timesteps, None, data)

    def _cell(self, cell: Cell) -> None:
        keys = [("cells", cell.name)]
        keys += [("cells", f"{cell.name}-{cell.model_file(name)}") for name in cell.judged[:-1]]
        if not cell.main and not any(key in self.left for key in keys):
            return
        ready = self.experiment.prepare(cell)
        own = self.folder.cell(cell.name)
        ready.reload(own)
        if cell.main:
            self.experiment.go_on_from(ready)
            self.ready.add(cell.name)
        for name, key in zip(cell.judged[:-1], keys[1:], strict=True):
            role = cell.phase.roles[name]
            if key in self.left:
                self.looking.one(
                    key, ready.networks[role.network], role.timesteps, None, ready.data
                )
        if ("cells", cell.name) not in self.left:
            return
        role = cell.phase.roles[cell.phase.student]
        attention = Examinations()
        try:
            ready.reload_losses(own)
            attention = self._attention(ready)
        except (SpikedistillError, OSError) as error:
            attention.missing.append(f"{cell.name}: no pictures of its losses: {error}")
        self.looks.missing += attention.missing
        network = ready.networks[role.network]
        self.looking.one(("cells", cell.name), network, role.timesteps, attention, ready.data)

    def _attention(self, ready: Prepared) -> Examinations:
        """The pictures `[T, I, J]` of every loss of a cell, over whole batches."""
        looks, recipe = Examinations(), self.experiment.recipe
        terms = [
            term
            for term in (ready.objective.terms if ready.objective else ())
            if type(term.loss).picture is not Loss.picture
        ]
        if not terms:
            return looks
        size = recipe.settings(ready.cell.phase).batch_size
        split, samples = self._full_batches(ready.data, size)
        distiller = ready.distiller()
        distiller.to(machine().device).eval()
        batches = max(1, IMAGES // size)
        for term in terms:
            pictures = mean_pictures(
                term.loss, _traces(distiller, term, samples, size, batches, ready.data.how)
            )
            for name, value in pictures.items():
                array = f"picture {term.name} {name}"
                facts = {"loss": term.name, "name": name, "array": array, "split": split,
                         "learner": list(term.loss.needs.learner),
                         "guide": list(term.loss.needs.guide),
                         "images": min(batches, length(samples) // size) * size}  # fmt: skip
                looks.found[term.name, name] = Examined(
                    {"pictures": [facts]}, {array: value.float().numpy()}
                )
        distiller.close()
        return looks

    def _full_batches(self, data: DataSet, size: int) -> tuple[str, Samples]:
        """The first split, validation before the others, that fills a batch."""
        for name in ("valid", "test", "train"):
            samples = getattr(data, name)
            if length(samples) >= size:
                return name, samples
        raise SpikedistillError(f"no split fills a batch of {size} samples")


def _traces(
    distiller: Distiller, term: Term, samples: Samples, size: int, most: int, how: Collate
) -> Iterator[tuple[Trace, Trace | None]]:
    device = machine().device
    loader = Loader(samples, size, drop_last=True, collate=how)
    for number, batch in enumerate(loader.epoch(0)):
        if number == most:
            return
        seats = []
        for role in (term.learner, term.guide):
            if role is None:
                seats.append(None)
                continue
            generator = torch.Generator(device).manual_seed(number)
            steps = distiller.roles[role].timesteps
            inputs = distiller.encoder(batch.to(device).inputs, steps, generator)
            seats.append(distiller.trace(role, inputs))
        yield seats[0], seats[1]
