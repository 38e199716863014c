"""What the first T' of T steps of a network cost: rate, operations and energy."""

from __future__ import annotations

import torch

from spikedistill.core.evaluation import evaluation
from spikedistill.core.over_time import first_layers, run_folded
from spikedistill.metrics.energy import energy
from spikedistill.metrics.firing import FiringMeter
from spikedistill.metrics.synops import SynopsMeter
from spikedistill.recipes.watched import Watched


def cost_after(watched: Watched, steps: int, most: int) -> dict[str, float]:
    """The cost of an inference that stops after some steps.

    Args:
        watched: a network that is run for T steps.
        steps: T', at most T.
        most: on how many of its images that is measured.

    Returns:
        `firing_rate` (spikes per neuron and step), `synops` (accumulations), `multiplications`
        (multiply-adds) and `energy_pj` (of both, in picojoules by the 45 nm convention).
    """
    network, first = watched.network, first_layers(watched.network)
    operations, firing = SynopsMeter(network, steps), FiringMeter(network)
    with torch.no_grad(), evaluation(network), operations, firing:
        for inputs, _ in watched.batches(most):
            run_folded(network, inputs[:steps], steps, first)
    return {
        "firing_rate": firing.mean(),
        "synops": operations.accumulations,
        "multiplications": operations.multiplications,
        "energy_pj": energy(operations.layers()),
    }
