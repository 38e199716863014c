import math

import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.neurons.integrate_and_fire import IF
from spikedistill.neurons.lif import LIF


def test_numbers_worked_by_hand() -> None:
    seen: list[torch.Tensor] = []
    neuron = IF(v_reset=None)
    neuron.membrane.register_forward_hook(lambda _m, _i, value: seen.append(value))
    spikes = neuron.over(torch.tensor([[0.6], [0.8], [0.4], [1.7]], dtype=torch.float64))
    assert seen[0].flatten().tolist() == pytest.approx([0.6, 1.4, 0.8, 2.5])
    assert spikes.flatten().tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("v_reset", [0.0, None, -0.5])
def test_it_is_a_lif_that_keeps_everything(v_reset: float | None) -> None:
    results = []
    for neuron in (IF(v_reset=v_reset), LIF(tau=math.inf, v_reset=v_reset)):
        torch.manual_seed(0)
        current = torch.randn(6, 20, dtype=torch.float64, requires_grad=True)
        spikes = neuron.over(current)
        spikes.square().sum().backward()
        results.append((spikes.detach(), current.grad))
    torch.testing.assert_close(results[0], results[1])


def test_the_preset_of_sew_fires_at_equality() -> None:
    assert IF.preset("sew").over(torch.ones(1, 1)).item() == 1
    assert IF().over(torch.ones(1, 1)).item() == 0


def test_a_reset_above_the_threshold_is_refused() -> None:
    with pytest.raises(SpikedistillError, match=r"IF\(v_reset=2.0\) does not lie below"):
        IF(v_reset=2.0)
