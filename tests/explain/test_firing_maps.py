from __future__ import annotations

import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.explain.firing_maps import FiringMaps


def test_means_over_all_samples_of_several_batches() -> None:
    batches = [(torch.rand(3, size, 4, 5, 6) < 0.4).float() for size in (7, 2)]
    maps = FiringMaps()
    for batch in batches:
        maps.update(batch)
    whole = torch.cat(batches, 1).double()
    assert maps.samples == 9
    assert torch.allclose(maps.rates, whole.mean(1))
    assert torch.allclose(maps.over_time, whole.mean((1, 2, 3, 4)))
    assert torch.allclose(maps.places, whole.mean((1, 2)))
    assert torch.allclose(maps.channels, whole.mean((0, 1)))


def test_what_cannot_be_counted() -> None:
    maps = FiringMaps()
    with pytest.raises(SpikedistillError, match="no spikes were counted"):
        maps.rates
    maps.update(torch.ones(2, 3, 5))
    with pytest.raises(SpikedistillError, match=r"\(4, 5\) steps and neurons .* before \(2, 5\)"):
        maps.update(torch.ones(4, 3, 5))
    with pytest.raises(SpikedistillError, match=r"neurons \(5,\) and no maps"):
        maps.places
