"""Fast counts against slow ones."""

import pytest
import torch

from spikedistill.costs._counting import are_spikes, counted


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3,), (700, 5), (600, 3, 4, 5), (2, 3, 4)])
@pytest.mark.parametrize("rate", [0.2, 1.0])
def test_counts(dtype: torch.dtype, shape: tuple[int, ...], rate: float) -> None:
    spikes = (torch.rand(shape) < rate).to(dtype)
    expected = spikes.double().sum(0)
    assert torch.equal(counted(spikes), expected)
    if len(shape) == 4:
        last = spikes.contiguous(memory_format=torch.channels_last)
        assert torch.equal(counted(last), expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(counted(spikes), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_what_counts_as_spikes(dtype: torch.dtype) -> None:
    assert are_spikes(torch.tensor([0.0, 1.0, 1.0], dtype=dtype))
    assert are_spikes(torch.zeros(3, dtype=dtype))
    for other in (-1.0, 0.5, 2.0, 1e-30, 1.01, 0.99, float("nan")):
        assert not are_spikes(torch.tensor([0.0, 1.0, other], dtype=dtype))
