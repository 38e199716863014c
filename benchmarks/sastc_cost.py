"""What SASTC adds to logit KD on the ResNet-19 pair, beside what its multiply-adds should take.

    python benchmarks/sastc_cost.py build/bench/sastc_cost.json

Student ResNet-19 (T = 2) and teacher ResNet-19, B = 64, 32 x 32, bf16 autocast, channels_last.
Four steps take turns in one process: cross-entropy alone (which gives the student's own rate in
multiply-adds per second), with logit KD, with SASTC too, and with SASTC written as plain loops
over t, i, j (`loops`). `--width` scales both networks for a quick look.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from _bench import run_turns, table, write
from torch import Tensor, nn

from spikedistill.core.loss import Loss
from spikedistill.core.objective import Objective, Role, Term
from spikedistill.core.trace import Batch, Trace
from spikedistill.methods.cross_entropy import CrossEntropy
from spikedistill.methods.logit_kd import LogitKD
from spikedistill.methods.sastc import SASTC
from spikedistill.metrics.operations import macs
from spikedistill.models.resnet import resnet19, resnet19_no_fc
from spikedistill.neurons.lif import LIF
from spikedistill.training.distiller import Distiller, describe

T = 2


class Loops(SASTC):
    """The same loss, one step, one student layer and one teacher layer at a time."""

    def forward(self, learner: Trace, guide: Trace | None, batch: Batch) -> Tensor:
        assert guide is not None
        mine, theirs = self.needs.learner, self.needs.guide
        total = torch.zeros(())
        for t in range(T):
            keys = [
                self._embed(key, guide[tap][0]) for key, tap in zip(self.keys, theirs, strict=True)
            ]
            for i, tap in enumerate(mine):
                source = learner[tap][t]
                query = self._embed(self.queries[i], source)
                attention = torch.stack([(query * key).sum(-1) for key in keys], -1).softmax(-1)
                for j, other in enumerate(theirs):
                    place, goal = i * len(theirs) + j, guide[other][0]
                    grid = self.gaps.grids[place]
                    small = F.adaptive_max_pool2d(source, grid)
                    projected = self.gaps.projectors[place](small)
                    goal = F.adaptive_avg_pool2d(goal, grid)
                    gap = (projected.float() - goal.float()).square().mean((1, 2, 3))
                    total = total + (attention[:, j] * gap).mean() / (T * len(mine))
        return total

    def _embed(self, mlp: nn.Module, features: Tensor) -> Tensor:
        flat = features.flatten(1).float()
        with torch.autocast("cpu", enabled=False):
            return mlp(flat @ flat.T)


def distiller(kind: str, width: float, batch: Batch) -> Distiller:
    torch.manual_seed(0)
    student = resnet19(LIF(), width=width)
    roles = {"student": Role(student, T, trainable=True)}
    if kind != "cross-entropy":
        roles["teacher"] = Role(resnet19_no_fc(width=width))
    specs = {name: describe(name, role, batch.inputs) for name, role in roles.items()}
    losses: list[tuple[str, Loss, float]] = [("ce", CrossEntropy(specs["student"]), 1.0)]
    if kind != "cross-entropy":
        losses.append(("kd", LogitKD(specs["student"], specs["teacher"]), 1.0))
    if kind in ("SASTC", "SASTC as loops"):
        form = SASTC if kind == "SASTC" else Loops
        losses.append(("sastc", form(specs["student"], specs["teacher"]), 100.0))
    objective = Objective(Term(name, loss, weight=weight) for name, loss, weight in losses)
    return Distiller(roles, objective).to(memory_format=torch.channels_last)


def step(module: Distiller, batch: Batch) -> Callable[[], None]:
    def run() -> None:
        module.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16):
            loss, _ = module(batch)
        loss.backward()

    return run


def projector_macs(loss: SASTC) -> int:
    """Multiply-adds of all projectors for one image and step."""
    total = 0
    for (height, width), projector in zip(loss.gaps.grids, loss.gaps.projectors, strict=True):
        weights = sum(p.numel() for p in projector.parameters() if p.dim() == 4)
        total += weights * height * width
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, nargs="?", default=Path("build/bench/sastc_cost.json"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--width", type=float, default=1.0)
    choice = parser.parse_args()
    images = torch.rand(choice.batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    batch = Batch(images, torch.randint(0, 10, (choice.batch,)))
    kinds = ("cross-entropy", "logit KD", "SASTC", "SASTC as loops")
    made = {kind: distiller(kind, choice.width, batch) for kind in kinds}
    steps = {kind: step(module, batch) for kind, module in made.items()}
    rows = run_turns(steps, choice.rounds, unit="logit KD")
    took = {row["name"]: row["median_ms"] for row in rows}
    sastc = made["SASTC"].objective.terms[-1].loss
    assert isinstance(sastc, SASTC)
    own = macs(made["SASTC"].roles["student"].network, (3, 32, 32))
    share = projector_macs(sastc) / own
    expected = share * took["cross-entropy"]
    added = took["SASTC"] - took["logit KD"]
    text = table(
        f"One distillation step of the ResNet-19 pair, width {choice.width}, B = {choice.batch}, "
        f"T = {T}, bf16, forward and backward",
        "losses",
        rows,
    ) + (
        f"\nThe projectors need {share:.2f} x the student's own multiply-adds "
        f"({projector_macs(sastc) / 1e9:.3f} G and {own / 1e9:.3f} G an image and step). At the "
        f"student's own rate that is {expected:.0f} ms; SASTC adds {added:.0f} ms to logit KD: "
        f"{added / expected:.2f} x. As plain loops it adds "
        f"{took['SASTC as loops'] - took['logit KD']:.0f} ms.\n"
    )
    facts = {"share": share, "expected_ms": expected, "added_ms": added}
    write(choice.out, {"rows": rows, **facts}, text)


if __name__ == "__main__":
    main()
