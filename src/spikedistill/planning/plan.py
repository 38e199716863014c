"""What a recipe will take, before it is run: operations, bytes, memory and, if measured, time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spikedistill.build.cells import Cell, cells, settled
from spikedistill.build.data import build_data, check_inputs, task_of, with_task
from spikedistill.build.experiment import timesteps_of
from spikedistill.build.facts import Facts
from spikedistill.build.losses import Known, build_distiller, build_objective, build_specs
from spikedistill.build.networks import Workshop
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.machine import machine
from spikedistill.core.trace import Batch
from spikedistill.core.tree import mapped
from spikedistill.costs.operations import parameter_count
from spikedistill.data import DataSet, Loader, Sizes, augmentation, blank, length, sizes
from spikedistill.functional.align import whole_differences
from spikedistill.functional.compiled import compile_is_on, compiling
from spikedistill.planning.ceilings import Ceilings
from spikedistill.planning.devices import Assumed, Device, assumptions
from spikedistill.planning.follower import Follower
from spikedistill.planning.work import Memory, Work, emptied, imitation, on_paper, work
from spikedistill.recipes.schema import Recipe
from spikedistill.training.distiller import Distiller
from spikedistill.training.settings import Settings

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
TIMED_BATCHES = 3


def plan(
    recipe: Recipe,
    data_dir: Path | str | None = None,
    measure: Callable[[torch.device, int], Ceilings] | None = Ceilings,
    say: Callable[[str], object] = str,
    device: Device | None = None,
) -> dict[str, Any]:
    """What every training of a recipe will take.

    Neither the files of a published data set nor those of weights need to be there.

    Args:
        recipe: what would be run.
        data_dir: where data of other kinds lie.
        measure: makes the ceilings from which times are predicted; None: no times.
        say: gets the sentences that a user should read.
        device: a GPU by its data sheet: nothing is measured then, times are those that it is
            assumed to take (`planning.devices.Assumed`), and `precision: auto` is bf16.

    Returns:
        Plain values: `cells` (see `row`), `ceilings` and `seconds` of the whole recipe, both None
        without `measure` and `device`; `assumed`: what the times stand on, with a `device`.

    Raises:
        SpikedistillError: if a network, a loss or the data cannot be made, or a step asks for the
            values of a tensor.
    """
    on_gpu = device is not None
    planner = Planner(settled(recipe, device and "bf16"), data_dir, say, on_gpu)
    works = [planner.work(cell) for cell in cells(planner.recipe) if planner.trains(cell)]
    between = max((done.memory.total for done in works), default=0)
    ceilings = None if measure is None else measure(machine().device, between)
    if device is not None:
        ceilings = Assumed(device)
    rows = [
        planner.row(cell, ceilings) if planner.trains(cell) else planner.judged_row(cell)
        for cell in cells(planner.recipe)
    ]
    times = [row["seconds"]["total"] for row in rows if row["seconds"]]
    return {
        "name": recipe.name,
        "device": device.title if device else str(machine().device),
        "assumed": device and assumptions(device),
        "threads": torch.get_num_threads(),
        "data": {
            "name": planner.data.name,
            "sample": task_of(planner.data).sample,
            **asdict(planner.sizes),
        },
        "cells": rows,
        "ceilings": ceilings and _limits(ceilings, planner.works),
        "seconds": sum(times) if times else None,
    }


class Planner:
    """The trainings of one recipe, each followed for one step.

    Args:
        recipe: with its precision decided (`cells.settled`).
        data_dir: where data lie that are not known without their files.
        say: gets the sentences that a user should read.
        on_gpu: whether what a CPU does in pieces is followed as a whole.
    """

    def __init__(
        self,
        recipe: Recipe,
        data_dir: Path | str | None = None,
        say: Callable[[str], object] = str,
        on_gpu: bool = False,
    ) -> None:
        self.recipe, self.works, self.seen = recipe, dict[str, Work](), Known()
        self.at_once = whole_differences if on_gpu else nullcontext
        self.full_batches = dict[str, bool]()
        self.data, self.sizes = _material(recipe, data_dir)
        check_inputs(self.data, recipe.encoder, recipe.augment)
        self.example = self.data.example(2)  # on paper its values could not be looked at
        self.workshop = Workshop(
            recipe.networks,
            Facts.of(self.data),
            recipe.seed,
            data_dir,
            timesteps=timesteps_of(recipe),
            trained=False,
            say=say,
        )

    def batch(self, size: int) -> Batch:
        """A batch of zeros of the form of the data's."""
        like = self.example

        def zeros(value: Tensor) -> Tensor:
            made = torch.zeros(size, *value.shape[1:], dtype=value.dtype)
            return made.contiguous(memory_format=torch.channels_last) if made.ndim == 4 else made

        mask = None if like.mask is None else zeros(like.mask).logical_not()
        return Batch(mapped(zeros, like.inputs), mapped(zeros, like.targets), mask=mask)

    def distiller(self, cell: Cell, networks: Mapping[str, nn.Module], batch: Batch) -> Distiller:
        """All that runs in a cell, for a raw batch."""
        like = (1,) * len(self.data.classes)  # what the labels are changes no operation
        specs = build_specs(
            cell.phase.roles, networks, batch, self.recipe.encoder, self.data, like, self.seen
        )
        objective = build_objective(cell.losses, specs, self.recipe.seed)
        return build_distiller(cell.phase.roles, networks, objective, self.recipe.encoder)

    def networks(self, cell: Cell) -> dict[str, nn.Module]:
        """The networks of a cell by name, as they are before any training."""
        names = {role.network for role in cell.phase.roles.values()}
        return {name: self.workshop.network(name) for name in sorted(names)}

    def trains(self, cell: Cell) -> bool:
        """Whether a cell is trained, and not only judged."""
        return self.recipe.settings(cell.phase).epochs > 0

    def work(self, cell: Cell) -> Work:
        """One step of a cell, followed on paper."""
        if cell.name not in self.works:
            settings, networks = self.recipe.settings(cell.phase), self.networks(cell)
            loops = compile_is_on() and settings.compile != "off"
            with on_paper(), compiling(False), self.at_once():
                paper = {name: imitation(network) for name, network in networks.items()}
                batch = self.batch(settings.batch_size)
                with Follower().loops_as_compiled():  # shapes do not need the steps one by one
                    distiller = self.distiller(cell, paper, batch)
                emptied(distiller)
                if settings.checkpoint == "stage":
                    distiller.recompute_stages()
                dtype = DTYPES[settings.precision]
                self.full_batches[cell.name] = distiller.objective.full_batches
                self.works[cell.name] = work(distiller, batch, settings, dtype, loops)
        return self.works[cell.name]

    def row(self, cell: Cell, ceilings: Ceilings | None) -> dict[str, Any]:
        """Everything that is known of one training."""
        settings, done = self.recipe.settings(cell.phase), self.work(cell)
        role = cell.phase.roles[cell.phase.student]
        steps = self.steps(settings, cell)
        return {
            "cell": cell.name,
            "network": role.network,
            "timesteps": role.timesteps,
            "losses": [loss.name for loss in cell.losses],
            "parameters": parameter_count(self.workshop.network(role.network)),
            "roles": {name: self._role(cell, name, done) for name in cell.phase.roles},
            "batch_size": settings.batch_size,
            "precision": settings.precision,
            "epochs": settings.epochs,
            "steps": settings.epochs * steps,
            "macs": {"forward": done.macs(backward=False), "backward": done.macs(backward=True)},
            "bytes": {
                "total": done.bytes(),
                **{kind: done.bytes(kind=kind) for kind in ("multiply", "norm", "neuron", "pass")},
            },
            "memory": {**asdict(done.memory), "total": done.memory.total},
            "sections": [self._section(done, name, ceilings) for name in done.sections],
            "seconds": ceilings and self._seconds(cell, done, steps, ceilings),
        }

    def judged_row(self, cell: Cell) -> dict[str, Any]:
        """What is known of a cell that is judged without being trained: there is no step."""
        settings, role = self.recipe.settings(cell.phase), cell.phase.roles[cell.phase.student]
        nothing = Memory(*(0,) * len(fields(Memory)))
        return {
            "cell": cell.name,
            "network": role.network,
            "timesteps": role.timesteps,
            "losses": [],
            "parameters": parameter_count(self.networks(cell)[role.network]),
            "roles": {},
            "batch_size": settings.batch_size,
            "precision": settings.precision,
            "epochs": 0,
            "steps": 0,
            "macs": {"forward": 0, "backward": 0},
            "bytes": dict.fromkeys(("total", "multiply", "norm", "neuron", "pass"), 0),
            "memory": {**asdict(nothing), "total": 0},
            "sections": [],
            "seconds": None,
        }

    def _role(self, cell: Cell, name: str, done: Work) -> dict[str, Any]:
        """A network in a training: its parameters, and multiply-adds of one image at all steps."""
        network = cell.phase.roles[name].network
        return {
            "network": network,
            "timesteps": cell.phase.roles[name].timesteps,
            "parameters": parameter_count(self.workshop.network(network)),
            "macs": done.macs(f"role {name}", backward=False)
            // self.recipe.settings(cell.phase).batch_size,
        }

    def steps(self, settings: Settings, cell: Cell) -> int:
        """Steps of an epoch.

        Raises:
            SpikedistillError: if there is not a single one.
        """
        self.work(cell)
        whole, rest = divmod(self.sizes.train, settings.batch_size)
        steps = whole + (rest > 0 and not self.full_batches[cell.name])
        if not steps:
            raise SpikedistillError(
                f"{cell.name}: {self.sizes.train} training samples do not fill one batch of "
                f"{settings.batch_size}: use a smaller batch_size, or more data"
            )
        return steps

    def _section(self, done: Work, name: str, ceilings: Ceilings | None) -> dict[str, Any]:
        chosen = list(done.select(name))
        return {
            "section": name,
            "forward": done.macs(name, backward=False),
            "backward": done.macs(name, backward=True),
            "bytes": done.bytes(name),
            "kept": done.kept.get(name, 0),
            "operations": sum(count for _, count in chosen),
            "seconds": ceilings and sum(n * ceilings.operation(op) for op, n in chosen),
        }

    def _seconds(self, cell: Cell, done: Work, steps: int, ceilings: Ceilings) -> dict[str, float]:
        settings = self.recipe.settings(cell.phase)
        here = not isinstance(ceilings, Assumed)
        step, loading = ceilings.step(done), self.loading(settings) if here else 0.0
        recorded = [
            pair
            for name, role in cell.phase.roles.items()
            if role.record
            for pair in done.select(f"role {name}")
        ]
        saved = steps * sum(n * ceilings.operation(op) for op, n in recorded)
        student = done.select(f"role {cell.phase.student}", backward=False)
        image = sum(n * ceilings.operation(op) for op, n in student) / settings.batch_size
        epoch = steps * (step + loading) + image * self.sizes.valid
        judging = image * (self.sizes.valid + self.sizes.test)
        return {
            "step": step,
            "loading": loading,
            "update": ceilings.update(done),
            "samples_per_second": settings.batch_size / (step + loading),
            "epoch": epoch,
            "total": settings.epochs * epoch - (settings.epochs - 1) * saved + judging,
        }

    def loading(self, settings: Settings) -> float:
        """Seconds to load and augment one batch, measured; 0 where other processes do it."""
        if settings.workers:
            return 0.0
        augment = augmentation(self.recipe.augment, len(self.data.classes), self.data.mean)
        size = min(settings.batch_size, length(self.data.train))
        loader = Loader(self.data.train, size, augment=augment, shuffle=True, collate=self.data.how)
        batches = loader.epoch(0)
        times = []
        for _ in range(TIMED_BATCHES):
            start = time.perf_counter()
            if next(batches, None) is None:
                break
            times.append(time.perf_counter() - start)
        return min(times)


def _material(recipe: Recipe, data_dir: Path | str | None) -> tuple[DataSet, Sizes]:
    """Data of the right shape and classes, and the true sizes of the splits."""
    entry = recipe.data
    largest = max(recipe.settings(phase).batch_size for phase in recipe.phases)
    if entry.kind == "name":
        data = blank(entry.name, TIMED_BATCHES * largest, entry.options)
        if data is not None:
            return with_task(data), sizes(entry.name, entry.valid, entry.train_limit, entry.options)
    data = build_data(entry, data_dir, recipe.seed)
    return data, Sizes(*(length(split) for split in (data.train, data.valid, data.test)))


def _limits(ceilings: Ceilings, works: Mapping[str, Work]) -> dict[str, float]:
    """The measured ceilings as figures."""
    found: dict[str, float] = {"bytes_per_second": ceilings.bandwidth}
    for direction, backward in (("forward", False), ("backward", True)):
        chosen = [
            pair for done in works.values() for pair in done.select(None, backward, "multiply")
        ]
        seconds = sum(n * ceilings.operation(op) for op, n in chosen)
        macs = sum(n * op.macs for op, n in chosen)
        found[f"macs_per_second_{direction}"] = macs / seconds if seconds else 0.0
        found[f"overhead_{direction}"] = ceilings.overhead[backward]
    return found
