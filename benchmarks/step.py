"""A training step of spiking networks, beside other libraries and the ANN on T x B images.

    python benchmarks/step.py build/bench/step.json

VGG-11 and ResNet-18 at B = 64 with T in 1, 2, 4, 8, ResNet-19 at B = 16 with T in 2, 4; 32 x 32.
Forward, cross-entropy and backward, without the optimiser, which is the same for all. All variants
are the same blueprint with the same neuron equation (`_networks.py`, `_peers.py`), and the logits
of all are compared before anything is timed. To keep the time, the slow ones (snnTorch, Norse,
SpikingJelly in float32) run at T = 2 and 4 only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from _bench import Row, options, run_turns, summary, times_table, write
from _networks import ANN, JELLY, NORSE, SNNTORCH, logit_gaps, trainings, variants
from _peers import VERSIONS, load

from spikedistill.models.resnet import resnet18, resnet19
from spikedistill.models.vgg import vgg11

NETWORKS = {
    "VGG-11": (vgg11, 64, (1, 2, 4, 8)),
    "ResNet-18": (resnet18, 64, (1, 2, 4, 8)),
    "ResNet-19": (resnet19, 16, (2, 4)),
}
SLOW = (JELLY, SNNTORCH, NORSE)
SLOW_AT = (2, 4)
SECONDS = 60.0  # a cell; there are 10


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and write."""
    choice = options(__doc__, "step", rounds=7, seconds=SECONDS, argv=argv)
    peers = load(choice)
    every = variants(peers)
    side, width = (16, 0.125) if choice.quick else (32, 1.0)
    rows: list[Row] = []
    gaps: dict[str, dict[str, float]] = {}
    text = ""
    for network, (make, batch, all_steps) in NETWORKS.items():
        blueprint = partial(make, width=width)
        B, all_T = (4, (2,)) if choice.quick else (batch, all_steps)
        gaps[network] = logit_gaps(every, blueprint, T=2, B=4, side=side)
        for T in all_T:
            which = {k: v for k, v in every.items() if T in SLOW_AT or k not in SLOW}
            turns = run_turns(trainings(which, blueprint, T, B, side), choice.limit)
            part = summary(turns, ANN, network=network, T=T, B=B)
            rows += part
            text += f"\n**{network}, T = {T}, B = {B}**\n\n" + times_table("step", part, "ANN")
    if peers:
        worst = ", ".join(f"{name} {max(found.values()):.1e}" for name, found in gaps.items())
        text += f"\nThe same work: largest gap of any library's logits to ours: {worst}.\n"
    results = {"rows": rows, "logit_gaps": gaps, "side": side, "width": width}
    write(choice, text, results, VERSIONS if peers else {})


if __name__ == "__main__":
    main()
