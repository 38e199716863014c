"""What a distillation loss adds to a training step, beside what its multiply-adds should take.

    python benchmarks/distill.py build/bench/distill.json

Two pairs at T = 2, B = 64, 32 x 32, bf16 autocast, channels_last: ResNet-19 taught by ResNet-19
(3 x 3 pairs of layers) and VGG-11 taught by VGG-11 (5 x 5). The steps take turns in one process:
cross-entropy alone (which gives the student's own rate in multiply-adds per second), with logit
KD, with each form of SASTC too, and with SASTC written as plain loops over t, i, j.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from _bench import Row, Step, device_type, options, run_turns, short, summary, times_table, write
from _networks import Blueprint
from _sastc_forms import FORMS
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from spikedistill.core.loss import Loss
from spikedistill.core.objective import Objective, Role, Term
from spikedistill.core.trace import Batch
from spikedistill.functional.recall import fired_again
from spikedistill.methods.cross_entropy import CrossEntropy
from spikedistill.methods.logit_kd import LogitKD
from spikedistill.models.resnet import resnet19, resnet19_no_fc
from spikedistill.models.vgg import vgg11
from spikedistill.neurons.lif import LIF
from spikedistill.training.distiller import Distiller, describe

T = 2
CE, KD = "cross-entropy", "logit KD"
SECONDS = 100.0  # a pair; there are 2


@dataclass(frozen=True)
class Pair:
    """A student and its teacher."""

    student: Blueprint
    teacher: Blueprint


PAIRS = {
    "ResNet-19 pair, 3 x 3": Pair(resnet19, resnet19_no_fc),
    "VGG-11 pair, 5 x 5": Pair(vgg11, vgg11),
}


def distiller(kind: str, pair: Pair, width: float, batch: Batch) -> Distiller:
    """The whole training step of a named set of losses as one module."""
    torch.manual_seed(0)
    roles = {"student": Role(pair.student(LIF(), width=width), T, trainable=True)}
    if kind != CE:
        roles["teacher"] = Role(pair.teacher(nn.ReLU, width=width))
    specs = {name: describe(name, role, batch.inputs) for name, role in roles.items()}
    losses: list[tuple[str, Loss, float]] = [("ce", CrossEntropy(specs["student"]), 1.0)]
    if kind != CE:
        losses.append(("kd", LogitKD(specs["student"], specs["teacher"]), 1.0))
    if kind in FORMS:
        losses.append(("sastc", FORMS[kind](specs["student"], specs["teacher"]), 100.0))
    objective = Objective(Term(name, loss, weight=weight) for name, loss, weight in losses)
    return Distiller(roles, objective).to(memory_format=torch.channels_last)


def step(module: Distiller, batch: Batch) -> Step:
    """Forward of all networks and losses, backward; without the optimiser."""

    def run() -> None:
        module.zero_grad(set_to_none=True)
        with torch.autocast(device_type(), torch.bfloat16), fired_again():
            loss, _ = module(batch)
        loss.backward()

    return run


def forward_macs(module: Distiller, batch: Batch) -> float:
    """Multiply-adds of all convolutions and matrix products in one forward."""
    narrow = torch.autocast(device_type(), torch.bfloat16)
    with FlopCounterMode(display=False) as counter, narrow:
        module(batch)
    return counter.get_total_flops() / 2


def verdict(rows: Sequence[Row], made: dict[str, Distiller], batch: Batch) -> tuple[str, list[Row]]:
    """What each form of SASTC adds, beside its multiply-adds at the student's own rate."""
    took = {row["name"]: row["median_ms"] for row in rows}
    own, with_kd = forward_macs(made[CE], batch), forward_macs(made[KD], batch)
    text, facts = "", []
    for name in (name for name in FORMS if name in took):
        mine = forward_macs(made[name], batch) - with_kd
        added, expected = took[name] - took[KD], mine / own * took[CE]
        over = added / took[KD]
        facts.append(
            {
                "form": name,
                "share_of_student_macs": mine / own,
                "added_ms": added,
                "expected_ms": expected,
                "added_over_expected": added / expected,
                "added_over_kd_step": over,
            }
        )
        text += (
            f"- {name}: {short(mine / 1e9)} G multiply-adds, {mine / own:.2f} x the student's "
            f"{short(own / 1e9)} G; at the student's rate {expected:.0f} ms. It adds "
            f"{added:.0f} ms to logit KD ({100 * over:.0f} %): {added / expected:.2f} x.\n"
        )
    return text, facts


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and write."""
    choice = options(__doc__, "distill", rounds=5, seconds=SECONDS, argv=argv)
    B, side, width = (8, 16, 0.125) if choice.quick else (64, 32, 1.0)
    images = torch.rand(B, 3, side, side).contiguous(memory_format=torch.channels_last)
    batch = Batch(images, torch.randint(0, 10, (B,)))
    rows: list[Row] = []
    facts: list[Row] = []
    text = ""
    for name, pair in PAIRS.items():
        made = {kind: distiller(kind, pair, width, batch) for kind in (CE, KD, *FORMS)}
        turns = run_turns({kind: step(m, batch) for kind, m in made.items()}, choice.limit)
        part = summary(turns, KD, pair=name, T=T, B=B)
        rows += part
        said, found = verdict(part, made, batch)
        facts += [{"pair": name, **fact} for fact in found]
        text += f"\n**{name}, T = {T}, B = {B}**\n\n" + times_table("losses", part, KD)
        text += "\n" + said
    write(choice, text, {"rows": rows, "facts": facts, "width": width}, {})


if __name__ == "__main__":
    main()
