from __future__ import annotations

import torch

from spikedistill.explain.dead_neurons import Extremes, extremes


def test_by_hand() -> None:
    """T = 2, 3 samples; four channels of 1 x 2: silent, full, mixed, one silent neuron."""
    counts = torch.tensor([
        [[0, 0], [3, 3], [3, 1], [0, 2]],
        [[0, 0], [3, 3], [3, 3], [0, 0]],
    ], dtype=torch.float64).unsqueeze(2)  # fmt: skip
    assert extremes(counts, 3) == Extremes(3 / 8, 3 / 8, 1 / 4, 1 / 4)


def test_neurons_without_places_are_their_own_channels() -> None:
    found = extremes(torch.tensor([[0.0, 4.0, 2.0, 4.0]]), 4)
    assert found == Extremes(0.25, 0.5, 0.25, 0.5)
