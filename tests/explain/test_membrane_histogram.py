from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.explain.membrane_histogram import MembraneHistogram
from spikedistill.functional.compiled import compiling
from spikedistill.neurons.lif import LIF
from spikedistill.taps import Tapped


def test_against_numpy_over_batches() -> None:
    batches = [torch.randn(2, size, 3, 4) for size in (5, 6)]
    histogram = MembraneHistogram(bins=7, low=-1.5, high=2.0)
    for batch in batches:
        histogram.update(batch)
    whole = torch.cat(batches, 1).clamp(-1.5, 2.0).numpy()
    for step in range(2):
        expected, edges = np.histogram(whole[step], bins=7, range=(-1.5, 2.0))
        assert histogram.counts is not None and histogram.counts[step].tolist() == list(expected)
        assert np.allclose(histogram.edges, edges, atol=1e-6)
    assert torch.allclose(histogram.shares.sum(1), torch.ones(2))


def test_the_share_above_the_threshold_is_the_firing_rate() -> None:
    network = nn.Sequential(nn.Linear(6, 20), LIF(v_threshold=0.5))
    tapped = Tapped(network, ["spikes1", "membrane1"])
    with torch.no_grad(), compiling(False):
        _, taps = tapped(3 * torch.rand(1, 50, 6), 3)
    histogram = MembraneHistogram(bins=8)  # 0.5 is the edge of a bin
    histogram.update(taps["membrane1"])
    above = histogram.shares[:, histogram.edges[:-1] >= 0.5].sum(1)
    assert torch.allclose(above, taps["spikes1"].mean((1, 2)), atol=1e-6)
    assert 0 < float(above[0]) < 1


def test_what_cannot_be_counted() -> None:
    with pytest.raises(SpikedistillError, match="low < high; got 4 bins"):
        MembraneHistogram(4, 1.0, 1.0)
    histogram = MembraneHistogram()
    with pytest.raises(SpikedistillError, match="no potentials"):
        histogram.shares
    with pytest.raises(SpikedistillError, match="not finite"):
        histogram.update(torch.tensor([[[float("nan")]]]))
    histogram.update(torch.zeros(2, 1, 1))
    with pytest.raises(SpikedistillError, match="ran 3 steps and those before 2"):
        histogram.update(torch.zeros(3, 1, 1))
