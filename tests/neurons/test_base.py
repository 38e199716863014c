import copy
import pickle
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from spikedistill.core.clock import steps
from spikedistill.functional.neuron import Membrane, at_rest
from spikedistill.neurons import NEURONS
from spikedistill.neurons._base import Neuron
from spikedistill.neurons.lif import LIF
from spikedistill.neurons.plif import PLIF


class _Tired(NamedTuple):
    v: Tensor
    charged: Tensor
    threshold: Tensor


class Tiring(Neuron):
    """A state of two variables (a threshold that rises with every spike) and a gain per channel."""

    view = "whole"

    def __init__(self, channels: int, rise: float = 0.5) -> None:
        super().__init__()
        self.rise = rise
        self.gain = nn.Parameter(torch.arange(1.0, channels + 1))

    def initial(self, current: Tensor) -> _Tired:
        rest = at_rest(current)
        return _Tired(rest, rest, at_rest(current, 1.0))

    def step(self, current: Tensor, state: _Tired) -> tuple[Tensor, _Tired]:
        charged = state.v + current
        spikes = (charged > state.threshold).to(charged)
        return spikes, _Tired(charged * (1 - spikes), charged, state.threshold + self.rise * spikes)


class Forgetful(Neuron):
    """Reads its parameter in `step`, which a step must not."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def initial(self, current: Tensor) -> Membrane:
        return Membrane(at_rest(current), at_rest(current))

    def step(self, current: Tensor, state: Membrane) -> tuple[Tensor, Membrane]:
        return self.gain * current, state


def test_initial_and_step_are_a_whole_neuron() -> None:
    """Threshold 1, 1.5, 2: by hand, charged 1.2 | 0.6 1.2 1.8 -> fires at 1.2 and 1.8."""
    neuron = Tiring(2)
    spikes = neuron.over(torch.tensor([1.2, 0.6, 0.6, 0.6])[:, None, None].expand(4, 1, 2))
    assert spikes[:, 0, 0].tolist() == [1, 0, 0, 1]


def test_a_step_that_reads_a_parameter_gets_its_sentence() -> None:
    with pytest.raises(TypeError, match=r"Forgetful.step reads self.gain, which is no constant"):
        Forgetful().over(torch.ones(2, 3))


def test_an_option_that_is_no_constant_gets_its_sentence() -> None:
    neuron = LIF()
    neuron.tau = [2.0]  # type: ignore[assignment]
    with pytest.raises(TypeError, match=r"LIF.tau is a list; the options of a neuron"):
        neuron.over(torch.ones(2, 3))


def test_an_option_that_changes_takes_effect() -> None:
    neuron, current = LIF(), torch.full((1, 4), 0.8)
    assert neuron.over(current).sum() == 0
    neuron.v_threshold = 0.5
    assert neuron.over(current).sum() == 4


@pytest.mark.parametrize("neuron", [LIF.preset("mpbn"), PLIF(tau=3.0)], ids=["lif", "plif"])
def test_copies_and_pickles_do_the_same(neuron: Neuron) -> None:
    current = torch.randn(4, 30)
    for twin in (copy.deepcopy(neuron), pickle.loads(pickle.dumps(neuron))):
        assert torch.equal(twin.over(current), neuron.over(current))
        assert repr(twin) == repr(neuron)


def test_the_membrane_is_made_only_when_watched_and_carries_gradient() -> None:
    neuron, current = LIF(), torch.randn(6, 3, requires_grad=True)
    neuron(current)
    seen: list[Tensor] = []
    handle = neuron.membrane.register_forward_hook(lambda _m, _i, value: seen.append(value))
    with steps(neuron, 2):
        neuron(current)
    handle.remove()
    neuron(current)
    (membrane,) = seen
    assert membrane.shape == (6, 3)
    assert torch.equal(membrane[:3], current[:3])  # the first step charges from rest
    (gradient,) = torch.autograd.grad(membrane[:3].sum(), current)
    assert gradient.tolist() == [[1.0] * 3] * 3 + [[0.0] * 3] * 3


def test_every_entry_of_the_catalogue_is_a_neuron_that_fires_and_learns() -> None:
    """What every neuron promises, whatever its file holds."""
    assert {"lif", "plif", "integrate_and_fire"} <= set(NEURONS.names())
    for name in NEURONS.names():
        neuron = NEURONS.find(name)()
        assert isinstance(neuron, Neuron)
        assert neuron.reference.bibtex()
        current = (torch.randn(4, 2, 3, 5, 5) + 0.5).requires_grad_()
        spikes = neuron.over(current)
        assert spikes.shape == current.shape
        assert neuron.fires is not None
        sent = (neuron.height * n for n in range(neuron.fires.low, neuron.fires.high + 1))
        assert set(spikes.unique().tolist()) <= set(sent)
        spikes.sum().backward()
        assert current.grad is not None
        assert current.grad.abs().sum() > 0
        for parameter in neuron.parameters():
            assert parameter.grad is not None


def test_every_preset_can_be_built() -> None:
    for name in NEURONS.names():
        neuron = NEURONS.find(name)
        for preset in neuron.presets:
            assert isinstance(neuron.preset(preset), neuron)
