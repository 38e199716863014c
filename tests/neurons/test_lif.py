import math

import pytest
import torch
from torch import Tensor

from spikedistill.core.clock import steps
from spikedistill.core.errors import SpikedistillError
from spikedistill.functional.surrogate import ATan, Triangle
from spikedistill.neurons.lif import LIF

SLOPES = {
    "rectangle": lambda x: 1.0 if abs(x) < 0.5 else 0.0,
    "triangle": lambda x: max(0.0, 1 - abs(x)),
    "damped": lambda x: 0.3 * max(0.0, 1 - abs(x)),
    "atan": lambda x: 1 / (1 + (math.pi * x) ** 2),
    "sigmoid": lambda x: 4 / (1 + math.exp(-4 * x)) * (1 - 1 / (1 + math.exp(-4 * x))),
    "tanh3": lambda x: 3 / math.cosh(3 * x) ** 2 / (2 * math.tanh(1.5)) if abs(x) < 0.5 else 0.0,
    "tanh1": lambda x: 1 / math.cosh(x) ** 2 / (2 * math.tanh(0.5)) if abs(x) < 0.5 else 0.0,
}

# The rows of the table of code bases: decay of v, gain of x, threshold, soft, detached, slope, >=.
ROWS = {
    "sastc": (0.5, 1, 1, False, False, "triangle", False),
    "tet": (0.5, 1, 1, False, False, "triangle", False),
    "tdbn": (0.25, 1, 0.2, False, False, "rectangle", False),
    "tdbn_paper": (0.25, 1, 0.5, False, False, "rectangle", False),
    "mpbn": (0.25, 1, 0.5, False, False, "tanh3", False),
    "fsta": (0.25, 1, 0.5, False, False, "tanh1", False),
    "ms_resnet": (0.25, 1, 0.5, False, True, "rectangle", False),
    "idsnn": (0.25, 1, 0.5, False, True, "rectangle", False),
    "tdd": (0.5, 1, 1, False, False, "sigmoid", True),
    "tdd_imagenet": (0.2, 1, 1, True, False, "sigmoid", True),
    "seal": (0.5, 1, 1, False, False, "sigmoid", True),
    "seal_imagenet": (0.2, 1, 1, True, False, "sigmoid", True),
    "spikingjelly": (0.5, 0.5, 1, False, True, "sigmoid", True),
    "spikformer": (0.5, 0.5, 1, False, True, "sigmoid", True),
    "spikformer_attention": (0.5, 0.5, 0.5, False, True, "sigmoid", True),
    "sdt": (0.5, 0.5, 1, False, True, "sigmoid", True),
    "sdt_attention": (0.5, 0.5, 0.5, False, True, "sigmoid", True),
    "qkformer": (0.5, 0.5, 1, False, True, "sigmoid", True),
    "qkformer_attention": (0.5, 0.5, 0.5, False, True, "sigmoid", True),
    "sew": (1.0, 1, 1, False, True, "atan", True),
    "bntt": (0.95, 1, 1, True, True, "damped", False),
    "bntt_deep": (0.99, 1, 1, True, True, "damped", False),
}


def by_hand(
    row: tuple, currents: list[float], weights: list[float]
) -> tuple[list[float], list[float]]:
    """Spikes and the gradient of `sum w[t] s[t]`, back-propagated with pencil and paper.

    With s = step(v - theta), h the potential after the reset and v[t+1] = decay h[t] + gain x:
    hard reset dh/dv = 1 - s - v slope (the last term only where it is not detached), soft reset
    dh/dv = 1 - theta slope.
    """
    decay, gain, theta, soft, detached, name, at_equality = row
    h, spikes, slopes, carries = 0.0, [], [], []
    for x in currents:
        v = decay * h + gain * x
        s = float(v >= theta if at_equality else v > theta)
        slope = SLOPES[name](v - theta)
        through_reset = 0.0 if detached else slope * (theta if soft else v)
        carries.append((1.0 if soft else 1 - s) - through_reset)
        h = v - theta * s if soft else v * (1 - s)
        spikes.append(s)
        slopes.append(slope)
    gradients, later = [], 0.0
    for t in reversed(range(len(currents))):
        at_v = weights[t] * slopes[t] + later * carries[t]
        gradients.append(gain * at_v)
        later = decay * at_v
    return spikes, gradients[::-1]


def column(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


@pytest.mark.parametrize("name", ROWS)
def test_presets_are_the_neurons_of_the_table(name: str) -> None:
    drawn = torch.Generator().manual_seed(1)
    for scale in (0.4, 1.0, 2.0):
        currents = (scale * torch.randn(12, generator=drawn) + 0.3).tolist()
        weights = torch.randn(12, generator=drawn).tolist()
        spikes, gradients = by_hand(ROWS[name], currents, weights)
        current = column(currents).requires_grad_()
        result = LIF.preset(name).over(current)
        result.backward(column(weights))
        assert result.flatten().tolist() == spikes
        assert current.grad is not None
        assert current.grad.flatten().tolist() == pytest.approx(gradients, abs=1e-9)


def test_every_preset_stands_in_the_table() -> None:
    assert set(LIF.presets) == set(ROWS)


def potentials(neuron: LIF, currents: list[float]) -> tuple[list[float], list[float]]:
    """Spikes and charged potentials over time."""
    seen: list[Tensor] = []
    neuron.membrane.register_forward_hook(lambda _m, _i, value: seen.append(value))
    spikes = neuron.over(column(currents))
    return spikes.flatten().tolist(), seen[0].flatten().tolist()


@pytest.mark.parametrize(
    ("options", "currents", "charged", "spikes"),
    [
        ({"decay_input": True}, (1.5, 1.3, 0.4, 2.2), (0.75, 1.025, 0.2, 1.2), (0, 1, 0, 1)),
        (
            {"decay_input": True, "v_reset": None},
            (1.5, 1.3, 0.4, 2.2),
            (0.75, 1.025, 0.2125, 1.20625),
            (0, 1, 0, 1),
        ),
        ({}, (0.6, 0.8, 0.4, 1.7), (0.6, 1.1, 0.4, 1.9), (0, 1, 0, 1)),
        ({"v_reset": None}, (0.6, 0.8, 0.4, 1.7), (0.6, 1.1, 0.45, 1.925), (0, 1, 0, 1)),
        (
            {"tau": math.inf, "v_reset": None},
            (0.6, 0.8, 0.4, 1.7),
            (0.6, 1.4, 0.8, 2.5),
            (0, 1, 0, 1),
        ),
        (
            {"tau": 4 / 3, "v_threshold": 0.5},
            (0.6, 0.8, 0.4, 1.8),
            (0.6, 0.8, 0.4, 1.8 + 0.1),
            (1, 1, 0, 1),
        ),
    ],
)
def test_numbers_worked_by_hand(
    options: dict, currents: tuple, charged: tuple, spikes: tuple
) -> None:
    fired, seen = potentials(LIF(**options), list(currents))
    assert seen == pytest.approx(charged, abs=1e-12)
    assert fired == list(spikes)


def test_a_reset_that_is_not_zero_is_start_goal_and_reset() -> None:
    """v_reset -0.5: v = -0.5 + 0.5 (v + 0.5) + x, from -0.5."""
    spikes, charged = potentials(LIF(v_reset=-0.5), [0.7, 1.4, 0.2])
    assert charged == pytest.approx([0.2, 1.25, -0.3])
    assert spikes == [0, 1, 0]


def test_equality() -> None:
    current = torch.ones(1, 1)
    assert LIF().over(current).item() == 0
    assert LIF(fires_at_equality=True).over(current).item() == 1


def test_folded_time_is_unfolded_and_folded_again() -> None:
    neuron, current = LIF(), torch.randn(3, 2, 4, 5, 5) + 0.5
    expected = neuron.over(current)
    with steps(neuron, 3):
        assert torch.equal(neuron(current.flatten(0, 1)), expected.flatten(0, 1))
    one_step = neuron(current[0])  # outside a run T is 1
    assert torch.equal(one_step, expected[0])


def test_the_first_neuron_repeats_a_single_step() -> None:
    neuron, current = LIF(), torch.randn(2, 4, 5, 5) + 0.5
    with steps(neuron, 4, expanding=[neuron]):
        expanded = neuron(current)
    assert torch.equal(expanded, neuron.over(current.expand(4, 2, 4, 5, 5)).flatten(0, 1))


def test_no_state_outlives_a_forward() -> None:
    neuron, current = LIF(), torch.randn(4, 8)
    assert torch.equal(neuron.over(current), neuron.over(current))
    assert not neuron.state_dict()


def test_a_bfloat16_current_is_integrated_in_float32() -> None:
    """0.5 v + x with 1/256 added to 1.9921875: a bfloat16 potential would drop it and not fire."""
    current = torch.tensor([[0.9921875], [0.5039063]], dtype=torch.bfloat16)
    spikes = LIF().over(current)
    exact = LIF().over(current.double())
    assert spikes.dtype == torch.bfloat16
    assert torch.equal(spikes.double(), exact)


def test_the_surrogate_is_given_in_three_ways() -> None:
    for given in ("atan", {"atan": {"alpha": 2.0}}, ATan(2.0)):
        assert LIF(surrogate=given).surrogate == ATan(2.0)
    assert LIF().surrogate == Triangle(1.0)


def test_a_neuron_prints_its_options() -> None:
    assert (
        "tau=2.0, v_threshold=1.0, v_reset=None, decay_input=False, detach_reset=False, "
        "surrogate=Triangle(gamma=1.0), fires_at_equality=False"
    ) in repr(LIF(v_reset=None))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tau": 0.5}, r"tau=0.5.*must be >= 1"),
        ({"tau": math.nan}, r"tau=nan"),
        ({"v_threshold": 0.0}, r"v_threshold=0.0.*positive"),
        ({"v_threshold": -1.0}, r"v_threshold=-1.0"),
        ({"v_reset": 1.0}, r"v_reset=1.0.*not lie below the threshold 1.0"),
        ({"tau": math.inf, "decay_input": True}, r"divide its current by infinity"),
        ({"surrogate": "attan"}, r"no surrogate 'attan'; did you mean 'atan'"),
        ({"surrogate": {"atan": {"alfa": 2.0}}}, r"atan has no option 'alfa'; did you mean"),
        ({"surrogate": {"atan": {}, "tanh": {}}}, r"one name.*this one has 2 names: atan, tanh"),
        ({"surrogate": {}}, r"this one has 0 names"),
    ],
)
def test_senseless_options_get_their_sentence(options: dict, sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        LIF(**options)


def test_an_unknown_preset_gets_its_sentence() -> None:
    with pytest.raises(SpikedistillError, match=r"LIF has no preset 'spikngjelly'; did you mean"):
        LIF.preset("spikngjelly")


def test_a_preset_can_be_changed() -> None:
    assert LIF.preset("spikingjelly", v_threshold=0.5).v_threshold == 0.5
