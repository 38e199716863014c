"""Inference: the time of one image, and images a second at B = 64.

    python benchmarks/inference.py build/bench/inference.json

VGG-11 and ResNet-18, T = 4, 32 x 32, in inference mode; the same variants as `step`, and ours as
`spikedistill.deploy` makes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from _bench import Row, Step, markdown, options, run_turns, short, summary, write
from _deployed import deployed
from _networks import ANN, JELLY, Blueprint, Variant, case, settle, variants
from _peers import VERSIONS, load

from spikedistill.models.resnet import resnet18
from spikedistill.models.vgg import vgg11

NETWORKS = {"VGG-11": vgg11, "ResNet-18": resnet18}
T = 4
SECONDS = 40.0  # a cell; there are 4


def cell_steps(
    every: dict[str, Variant], blueprint: Blueprint, B: int, side: int
) -> dict[str, Step]:
    """One batch through every variant and every deployed form, in evaluation mode."""
    steps: dict[str, Step] = {}
    for name, variant in every.items():
        made = case(variant, blueprint, T, B, side)
        settle(made)
        steps[name] = made.infer
    return steps | deployed(blueprint, T, B, side)


def table(rows: Sequence[Row]) -> str:
    """Latency, throughput, and how many times faster than the ANN and SpikingJelly's default."""
    took = {row["name"]: row["median_ms"] for row in rows}
    head = ["network", "median, ms", "lowest", "quartiles", "images/s", "x ANN's time"]
    lines = []
    for row in rows:
        line = [row["name"], short(row["median_ms"]), short(row["lowest_ms"])]
        line += [" - ".join(map(short, row["quartiles_ms"])), short(row["images_per_s"])]
        line += [f"{row['ratio']:.2f}"]
        if JELLY in took:
            line.append(f"{took[JELLY] / row['median_ms']:.2f}")
        lines.append(line)
    return markdown(head + (["x faster than SpikingJelly"] if JELLY in took else []), lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and write."""
    choice = options(__doc__, "inference", rounds=15, seconds=SECONDS, argv=argv)
    peers = load(choice)
    side, width = (16, 0.125) if choice.quick else (32, 1.0)
    rows: list[Row] = []
    text = ""
    for network, make in NETWORKS.items():
        for B in (1, 4 if choice.quick else 64):
            steps = cell_steps(variants(peers), partial(make, width=width), B, side)
            part = summary(run_turns(steps, choice.limit), ANN, network=network, B=B, T=T)
            for row in part:
                row["images_per_s"] = round(1e3 * B / row["median_ms"], 2)
            rows += part
            text += f"\n**{network}, B = {B}, T = {T}**\n\n" + table(part)
    write(choice, text, {"rows": rows, "width": width}, VERSIONS if peers else {})


if __name__ == "__main__":
    main()
