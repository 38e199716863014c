"""How long a training step takes: a spiking ResNet-18 beside the same ANN on T x B images.

    python benchmarks/training_step.py build/bench/training_step.json

The two take turns in one process and the medians are compared. Width 64, T = 2, B = 64, 32 x 32,
bf16 autocast, channels_last.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from _bench import options, run_turns, table, write
from torch import nn

from spikedistill.core.over_time import OverTime
from spikedistill.functional.compiled import compiling
from spikedistill.models.resnet import resnet18
from spikedistill.neurons.lif import LIF

T, B = 2, 64


def step(network: nn.Module, forward: Callable[[], torch.Tensor]) -> Callable[[], None]:
    """One training step without the optimiser."""

    def run() -> None:
        network.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16):
            logits = forward()
        logits.float().square().mean().backward()

    return run


def main() -> None:
    choice = options(__doc__, "training_step", rounds=9)
    images = torch.rand(B, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    many = torch.rand(T * B, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    ann = resnet18(nn.ReLU).to(memory_format=torch.channels_last)
    snn = OverTime(resnet18(LIF()).to(memory_format=torch.channels_last), T)
    spiking = step(snn, lambda: snn(images))

    def eager() -> None:
        with compiling(False):
            spiking()

    steps = {
        "ANN on T x B images": step(ann, lambda: ann(many)),
        "spikedistill": spiking,
        "spikedistill, neurons not compiled": eager,
    }
    rows = run_turns(steps, choice.rounds, unit="ANN on T x B images")
    title = f"One training step of ResNet-18, T = {T}, B = {B}, bf16"
    write(choice.out, {"title": title, "rows": rows}, table(title, "step", rows))


if __name__ == "__main__":
    main()
