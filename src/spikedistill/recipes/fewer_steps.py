"""What the first T' of T steps of a network cost: operations and energy."""

from __future__ import annotations

import torch

from spikedistill.core.evaluation import evaluation
from spikedistill.metrics.synops import SynopsMeter
from spikedistill.recipes.judge import summed
from spikedistill.recipes.watched import Watched


def cost_after(watched: Watched, steps: int) -> dict[str, float]:
    """The cost of an inference that stops after some steps, measured on all its images.

    Args:
        watched: a network that is run for T steps.
        steps: T', at most T.

    Returns:
        `synops` (accumulations), `multiplications` (multiply-adds) and `energy_pj` (of both, in
        picojoules by the 45 nm convention).
    """
    meter = SynopsMeter(watched.network, steps)
    with torch.no_grad(), evaluation(watched.network), meter:
        for inputs, _ in watched.batches():
            watched.run(inputs, steps)
    return summed(meter.layers())
