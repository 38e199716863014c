"""What `spikedistill plan` predicts beside what is measured: steps of four recipes, memory kept.

    python benchmarks/plan.py build/bench/plan.json

For each training of each recipe the ceilings are measured and the real step is timed in turns, so
that both see the machine in the same mood. The real step is that of the trainer without its
display: autocast, forward, backward, clipping, optimiser. `--quick` takes the digits only.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from _bench import markdown, options, write
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from spikedistill.build.cells import Cell, cells, settled
from spikedistill.core.trace import Batch
from spikedistill.core.tree import first
from spikedistill.functional import recall
from spikedistill.functional.compiled import compiling
from spikedistill.functional.recall import fired_again
from spikedistill.planning.ceilings import Ceilings
from spikedistill.planning.plan import DTYPES, Planner
from spikedistill.recipes.files import load
from spikedistill.training.distiller import Distiller
from spikedistill.training.optim import build_optimizer
from spikedistill.training.settings import Settings

RECIPES = ("digits-sastc", "cifar10-small-sastc", "cifar10-twin", "fashion-sastc")
STILL = ("training.lr=1e-9",)
"""Learned by heart, one batch gives gradients so small that the processor leaves its fast path."""
STEPS = 5
"""Real steps on each side of a measurement of the ceilings."""


def main() -> None:
    choice = options(__doc__, "plan", rounds=3, seconds=60)
    rows: list[dict[str, Any]] = []
    for name in RECIPES:
        if not (choice.quick and rows):
            rows += recipe_rows(name, choice)
    head = ["recipe", "training", "predicted, ms", "measured, ms", "ratio", "range", "kept ratio"]
    lines = (
        [
            row["recipe"],
            row["cell"],
            f"{row['predicted_ms']:.1f}",
            f"{row['measured_ms']:.1f}",
            f"{row['ratio']:.2f}",
            f"{min(row['ratios']):.2f} - {max(row['ratios']):.2f}",
            f"{row['kept'] / row['kept_measured']:.3f}",
        ]
        for row in rows
    )
    within = sum(0.7 <= row["ratio"] <= 1.3 for row in rows)
    text = markdown(head, lines) + f"\nWithin 30 %: {within} of {len(rows)} trainings.\n"
    write(choice, text, {"rows": rows}, {})


def recipe_rows(name: str, choice: argparse.Namespace) -> list[Any]:
    planner = Planner(settled(load(name, STILL)))
    rows = []
    for cell in cells(planner.recipe):
        settings, paper = planner.recipe.settings(cell.phase), planner.work(cell)
        distiller, batch = real(planner, cell)
        step = stepper(distiller, batch, settings)
        with compiling(settings.compile != "off"):
            kept = kept_bytes(distiller, batch, settings)
            for _ in range(3):
                step()
            pairs = []
            for _ in range(choice.rounds):
                before = timed(step)
                predicted = Ceilings(torch.device("cpu"), paper.memory.total).step(paper)
                pairs.append((predicted, statistics.median([*before, *timed(step)])))
        ratios = [predicted / measured for predicted, measured in pairs]
        row = {
            "recipe": name,
            "cell": cell.name,
            "predicted_ms": 1e3 * statistics.median(p for p, _ in pairs),
            "measured_ms": 1e3 * statistics.median(m for _, m in pairs),
            "ratio": statistics.median(ratios),
            "ratios": ratios,
            "kept": paper.memory.kept,
            "kept_measured": kept,
        }
        print(row, flush=True)
        rows.append(row)
    return rows


def real(planner: Planner, cell: Cell) -> tuple[Distiller, Batch]:
    """The same training with real tensors."""
    settings = planner.recipe.settings(cell.phase)
    like = first(planner.batch(settings.batch_size).inputs)
    images = torch.rand_like(like)  # in channels_last too
    targets = torch.randint(0, len(planner.data.classes), (settings.batch_size,))
    batch = Batch(images, targets)
    distiller = planner.distiller(cell, planner.networks(cell), batch)
    distiller.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return distiller, batch


def forward(distiller: Distiller, batch: Batch, settings: Settings) -> Tensor:
    dtype = DTYPES[settings.precision]
    again = fired_again() if settings.fires_again else nullcontext()
    with torch.autocast("cpu", dtype, enabled=dtype is not torch.float32), again:
        return distiller(batch)[0]


def stepper(distiller: Distiller, batch: Batch, settings: Settings) -> Callable[[], None]:
    optimizer = build_optimizer(distiller, settings)

    def step() -> None:
        forward(distiller, batch, settings).backward()
        if settings.clip is not None:
            torch.nn.utils.clip_grad_norm_(distiller.parameters(), settings.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def timed(step: Callable[[], None]) -> list[float]:
    times = []
    for _ in range(STEPS):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return times


def kept_bytes(distiller: Distiller, batch: Batch, settings: Settings) -> int:
    """Bytes that autograd keeps of a real forward pass, each storage once."""
    there = [*distiller.parameters(), *distiller.buffers(), first(batch.inputs)]
    known = {x.untyped_storage().data_ptr() for x in there}
    found: dict[int, tuple[int, Tensor]] = {}

    def pack(tensor: Tensor) -> recall.Packed:
        packed = recall.pack(tensor) if settings.fires_again else tensor
        held = packed.kept if isinstance(packed, recall.Narrow) else packed
        if isinstance(held, Tensor) and held.untyped_storage().data_ptr() not in known:
            found[held.untyped_storage().data_ptr()] = (held.untyped_storage().nbytes(), held)
        return packed

    again = fired_again() if settings.fires_again else nullcontext()
    dtype = DTYPES[settings.precision]
    with torch.autocast("cpu", dtype, enabled=dtype is not torch.float32), again:
        with saved_tensors_hooks(pack, recall.unpack):
            distiller(batch)
    return sum(size for size, _ in found.values())


if __name__ == "__main__":
    main()
