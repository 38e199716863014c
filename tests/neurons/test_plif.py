import math

import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.neurons.lif import LIF
from spikedistill.neurons.plif import PLIF


def test_numbers_worked_by_hand() -> None:
    neuron = PLIF(tau=4.0)
    seen: list[torch.Tensor] = []
    neuron.membrane.register_forward_hook(lambda _m, _i, value: seen.append(value))
    spikes = neuron.over(torch.tensor([[2.0], [2.0], [3.0], [0.5]]))
    assert neuron.w.item() == pytest.approx(-1.098612, abs=1e-6)
    assert seen[0].flatten().tolist() == pytest.approx([0.5, 0.875, 1.40625, 0.125])
    assert spikes.flatten().tolist() == [0, 0, 1, 0]
    (gradient,) = torch.autograd.grad(seen[0][0].sum(), neuron.w)
    assert gradient.item() == pytest.approx(0.375)  # dv/dw at step 1: x sigmoid'(w)


def test_at_the_start_it_is_the_lif_of_that_tau() -> None:
    current = torch.randn(5, 30)
    plif = PLIF(tau=2.0).over(current)
    assert torch.equal(plif, LIF.preset("spikingjelly", surrogate="atan").over(current))
    undecayed = PLIF(tau=2.0, decay_input=False, detach_reset=False, fires_at_equality=False)
    assert torch.equal(undecayed.over(current), LIF().over(current))


def test_the_gradient_of_w_is_that_of_finite_differences_where_nothing_fires() -> None:
    neuron = PLIF(tau=3.0, v_threshold=50.0).double()
    current = torch.randn(6, 10, dtype=torch.float64)
    neuron.membrane.register_forward_hook(lambda _m, _i, value: seen.append(value))

    def total(w: float) -> torch.Tensor:
        seen.clear()
        neuron.w.data.fill_(w)
        neuron.over(current)
        return seen[0].square().sum()

    seen: list[torch.Tensor] = []
    at, h = -math.log(2.0), 1e-6
    expected = (total(at + h) - total(at - h)) / (2 * h)
    (gradient,) = torch.autograd.grad(total(at), neuron.w)
    assert gradient.item() == pytest.approx(expected.item(), rel=1e-6)


def test_one_scalar_is_learned_and_kept() -> None:
    neuron = PLIF(tau=4.0)
    assert {name: p.shape for name, p in neuron.named_parameters()} == {"w": torch.Size([])}
    other = PLIF()
    other.load_state_dict(neuron.state_dict())
    assert other.tau == pytest.approx(4.0)


@pytest.mark.parametrize("tau", [1.0, 0.5, math.inf, math.nan])
def test_a_tau_without_a_w_is_refused(tau: float) -> None:
    with pytest.raises(SpikedistillError, match=r"must be finite and > 1"):
        PLIF(tau=tau)
