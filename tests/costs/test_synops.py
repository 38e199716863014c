"""Synaptic operations against counts by hand."""

import math
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from spikedistill.core.clock import SPIKES, Alphabet, Temporal, steps
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.products import Counts, ProductLayer
from spikedistill.costs.synops import LayerOperations, SynopsMeter
from spikedistill.functional.compiled import compiling
from spikedistill.neurons.integrate_and_fire import IF
from spikedistill.neurons.lif import LIF
from spikedistill.taps import Tapped


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """A few steps of small layers are not worth compiling."""
    with compiling(False):
        yield


def test_linear_layers_count_every_nonzero_product() -> None:
    """Plain loops over steps, samples, inputs and outputs of both layers."""
    network = nn.Sequential(nn.Linear(3, 5), LIF(v_threshold=0.3), nn.Linear(5, 2))
    T, B = 4, 6
    hidden: list[Tensor] = []
    network[1].register_forward_hook(lambda _m, _i, spikes: hidden.append(spikes))
    with torch.no_grad(), SynopsMeter(network) as meter, steps(network, T):
        network(torch.rand(T * B, 3))
    real = accumulated = 0
    for row in range(T * B):
        for _ in range(3 * 5):
            real += 1
        for spike in hidden[0][row].tolist():
            for _ in range(2):
                accumulated += spike != 0
    assert 0 < accumulated < T * B * 10
    assert meter.multiplications == pytest.approx(real / B)
    assert meter.accumulations == pytest.approx(accumulated / B)
    first, second = meter.layers()
    assert (first.spiking, second.spiking) == (False, True)
    assert (first.macs, second.macs, first.steps, second.steps) == (15, 10, T, T)


def test_convolution_without_padding_counts_every_nonzero_product() -> None:
    network = nn.Sequential(LIF(), nn.Conv2d(4, 6, 3, groups=2))
    current = torch.rand(2, 4, 3, 3) * 2  # a 3x3 grid: each input is read at one position
    with torch.no_grad(), SynopsMeter(network) as meter:
        network(current)
    spikes = int((current > 1).sum())
    assert meter.accumulations == pytest.approx(spikes * 3 / 2)  # 6 / 2 channels read each input
    (layer,) = meter.layers()
    assert layer.macs == 9 * 2 * 6 and layer.rate == pytest.approx(spikes / 72)


def test_stem_computed_once_costs_once() -> None:
    network = nn.Sequential(nn.Linear(3, 5), LIF(), nn.Linear(5, 2)).eval()
    with torch.no_grad(), SynopsMeter(network) as meter:
        Tapped(network)(torch.rand(1, 7, 3), 4)
    stem, second = meter.layers()
    assert stem.steps == 1 and second.steps == 4
    assert meter.multiplications == 15


def test_batches_are_summed_before_they_are_divided() -> None:
    network = nn.Sequential(LIF(), nn.Linear(2, 3))
    with torch.no_grad(), SynopsMeter(network) as meter:
        network(torch.tensor([[2.0, 2.0]]))
        network(torch.zeros(3, 2))
    (layer,) = meter.layers()
    assert layer.rate == 2 / 8 and meter.accumulations == pytest.approx(6 / 4)


def test_average_pooled_spikes_are_real_numbers() -> None:
    network = nn.Sequential(LIF(), nn.AvgPool1d(2), nn.Linear(2, 3))
    with torch.no_grad(), SynopsMeter(network) as meter, steps(network, 2):
        network(torch.tensor([[2.0, 0.0, 2.0, 2.0]] * 2))
    assert meter.accumulations == 0 and meter.multiplications == 12


def test_ann_only_multiplies_even_where_its_values_are_binary() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    nn.init.zeros_(network[0].weight)
    nn.init.ones_(network[0].bias)
    with SynopsMeter(network) as meter:
        network(torch.ones(5, 3))
    assert (meter.accumulations, meter.multiplications) == (0, 20)


def test_an_ann_on_every_frame_is_computed_for_every_frame() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad(), SynopsMeter(network, 4) as meter:
        Tapped(network)(torch.rand(4, 7, 3), 4)
    assert [layer.steps for layer in meter.layers()] == [4, 4]
    assert meter.multiplications == 4 * 20


def test_figures_of_the_convention() -> None:
    """ResNet-19 at T = 2 and rate 0.15: 684.512 M operations; doubling T doubles them."""
    rest = LayerOperations("rest", 2281.706e6, 2, 0.15, True)
    assert rest.accumulations == pytest.approx(684.512e6, rel=1e-6)
    assert LayerOperations("rest", 2281.706e6, 4, 0.15, True).accumulations == pytest.approx(
        2 * rest.accumulations
    )
    assert LayerOperations("a", 1.0, 4, 0.15, True).spikes_per_synapse == pytest.approx(0.6)


def test_nothing_counted() -> None:
    with pytest.raises(SpikedistillError, match="run the network inside"):
        SynopsMeter(nn.Linear(2, 2)).layers()


def test_what_energy_needs_of_every_layer() -> None:
    """A stem, a layer that spikes, and one behind an average: sizes, binariness, neurons."""
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        LIF(v_threshold=0.2),
        nn.Conv2d(4, 6, 3, stride=2, groups=2),
        IF(v_threshold=0.1),
        nn.AvgPool2d(3),
        nn.Flatten(),
        nn.Linear(6, 2),
    )
    with torch.no_grad(), SynopsMeter(network) as meter:
        Tapped(network)(torch.rand(1, 5, 1, 8, 8), 3)
    stem, second, last = meter.layers()
    assert [layer.stem for layer in meter.layers()] == [True, False, False]
    assert (stem.weights, stem.inputs, stem.outputs, stem.steps) == (36, 64, 256, 1)
    assert (second.weights, second.inputs, second.outputs) == (9 * 2 * 6, 256, 6 * 9)
    assert (last.weights, last.inputs, last.outputs) == (12, 6, 2)
    assert (stem.binary, second.binary) == (0, 1) and 0 < last.binary < 1
    assert (stem.counts, second.counts, last.counts) == (False, True, False)
    (lif,), (integrate,) = stem.updates, second.updates
    assert (lif.path, lif.neurons, lif.steps, lif.leaks) == ("1", 256, 3, True)
    assert (integrate.path, integrate.neurons, integrate.steps, integrate.leaks) == (
        "3", 54, 3, False,
    )  # fmt: skip
    assert (stem.neuron_updates, second.neuron_updates, last.neuron_updates) == (768, 162, 0)


def test_the_stem_of_an_ann_is_its_first_layer() -> None:
    network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3), nn.Linear(3, 2))
    with torch.no_grad(), SynopsMeter(network) as meter:
        network(torch.rand(5, 4))
        network(torch.rand(5, 4))
    assert [layer.stem for layer in meter.layers()] == [True, False, False]


def test_counts_of_events_are_no_spikes_but_whole() -> None:
    network = nn.Sequential(nn.Linear(4, 3), LIF(tau=math.inf), nn.Linear(3, 2))
    with torch.no_grad(), SynopsMeter(network) as meter, steps(network, 2):
        network(torch.tensor([[0.0, 1.0, 3.0, 0.0], [2.0, 0.0, 0.0, 1.0]]))
    frames, _ = meter.layers()
    assert (frames.spiking, frames.counts, frames.stem) == (False, True, True)
    assert (frames.rate, frames.binary) == (0.5, 0.75)
    assert not frames.updates[0].leaks  # tau = inf keeps everything
    with torch.no_grad(), SynopsMeter(network) as meter:
        network(torch.tensor([[0.0, -1.0, 3.0, 0.0]]))
    assert not meter.layers()[0].counts


def test_neurons_before_all_layers_stand_with_the_first_and_all_are_counted_once() -> None:
    network = nn.Sequential(LIF(), nn.Linear(4, 3), LIF(), LIF(), nn.Linear(3, 2))
    with torch.no_grad(), SynopsMeter(network) as meter, steps(network, 2):
        network(torch.rand(6, 4))
    first, second = meter.layers()
    assert [update.path for update in first.updates] == ["0", "2", "3"]
    assert not first.stem and second.updates == ()
    assert first.neuron_updates == 2 * (4 + 3 + 3)


def test_a_layer_that_is_called_twice_has_twice_the_products() -> None:
    shared = nn.Linear(4, 4)
    network = nn.Sequential(LIF(), shared, LIF(), shared)
    with torch.no_grad(), SynopsMeter(network) as meter, steps(network, 3):
        network(torch.rand(6, 4))
        network(torch.rand(6, 4))
    (layer,) = meter.layers()
    assert (layer.macs, layer.steps, layer.weights) == (32, 3, 16)
    assert layer.accumulations == pytest.approx(layer.rate * 3 * 32)


class Sends(Temporal):
    """A layer of neurons that sends what it is given."""

    def __init__(self, alphabet: Alphabet = SPIKES, height: float | Tensor = 1.0) -> None:
        super().__init__()
        self.fires, self.height = alphabet, height

    def forward(self, x: Tensor) -> Tensor:
        return x


TERNARY, WHOLE = Alphabet(-1, 1), Alphabet(0, 4)


@pytest.mark.parametrize(
    ("sends", "values", "units"),
    [
        (Sends(), [0.0, 1.0, 1.0, 0.0], 2),
        (Sends(TERNARY), [-1.0, 0.0, 1.0, -1.0], 3),
        (Sends(WHOLE), [3.0, 0.0, 2.0, 4.0], 9),  # n counts n accumulations
        (Sends(height=0.3), [0.3, 0.0, 0.3, 0.3], 3),
        (Sends(TERNARY, 2.5), [2.5, -2.5, 0.0, 0.0], 2),
        (Sends(WHOLE, torch.tensor(0.5)), [1.5, 0.5, 0.0, 2.0], 8),
        (Sends(height=torch.tensor([1.0, 2.0, 3.0, 4.0])), [1.0, 0.0, 3.0, 4.0], 3),
        (Sends(TERNARY), [2.0, -2.0, 0.0, 1.0], 5),  # sums of two that met at an addition
    ],
)
def test_whoever_receives_integers_adds_a_weight_for_each_unit(
    sends: Sends, values: list[float], units: int
) -> None:
    network = nn.Sequential(sends, nn.Linear(4, 3))
    with torch.no_grad(), SynopsMeter(network) as meter:
        network(torch.tensor([values]))
    (layer,) = meter.layers()
    assert layer.spiking and layer.rate == pytest.approx(units / 4)
    assert (meter.accumulations, meter.multiplications) == (pytest.approx(3 * units), 0.0)


@pytest.mark.parametrize(
    ("sends", "values"),
    [
        (Sends(), [0.0, 2.0, 1.0, 0.0]),  # no spikes
        (Sends(), [0.0, -1.0, 1.0, 0.0]),
        (Sends(TERNARY), [0.5, 0.0, 1.0, 0.0]),  # no integers
        (Sends(WHOLE), [3.0, -1.0, 0.0, 0.0]),  # none of the alphabet
        (Sends(height=0.5), [0.5, 1.0, 0.0, 0.0]),
        (Sends(WHOLE, 0.5), [0.5, 0.7, 0.0, 0.0]),
    ],
)
def test_values_that_are_not_of_the_alphabet_are_multiplied(
    sends: Sends, values: list[float]
) -> None:
    network = nn.Sequential(sends, nn.Linear(4, 3))
    with torch.no_grad(), SynopsMeter(network) as meter:
        network(torch.tensor([values]))
    assert (meter.accumulations, meter.multiplications) == (0.0, 12.0)
    assert not meter.layers()[0].spiking


def test_each_layer_counts_what_the_neurons_before_it_send() -> None:
    network = nn.Sequential(
        Sends(WHOLE, 0.5), nn.Linear(2, 4, bias=False), Sends(), nn.Linear(4, 3), Sends(TERNARY)
    )
    nn.init.constant_(network[1].weight, 1.0)
    with torch.no_grad(), SynopsMeter(network) as meter:
        network(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))  # 1 + 1 and 2 + 0 units; sums 1 and 1
    first, second = meter.layers()
    assert (first.accumulations, second.accumulations) == (2 * 4, 4 * 3)


class Attention(ProductLayer):
    """Scores of all pairs of tokens; products where they are real, else accumulations."""

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        return queries @ keys.transpose(1, 2)

    def counts(self, inputs: tuple[Tensor, ...], output: Tensor) -> Counts:
        queries, keys = inputs
        width, spikes = keys.shape[-1], int(queries.count_nonzero())
        return Counts(output.numel() * width, spikes * keys.shape[1])


def test_a_layer_that_says_what_it_computes() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fire, self.attention, self.head = LIF(), Attention(), nn.Linear(2, 5)

        def forward(self, x: Tensor) -> Tensor:
            spikes = self.fire(x)
            return self.head(self.attention(spikes, x))

    network = Net()
    # L = 2 tokens of D = 3 features; B = 2 samples at T = 2 steps: 4 rows
    current = torch.tensor([[[2.0, 0.0, 2.0], [0.0, 0.0, 0.0]]]).repeat(4, 1, 1)
    with torch.no_grad(), SynopsMeter(network) as meter, steps(network, 2):
        network(current)
    attention, head = meter.layers()
    # a step of one sample: 2 * 2 scores of 3 products; 2 spikes meet 2 keys each
    assert attention.told == (2 * 12, 2 * 4)
    assert (attention.multiplications, attention.accumulations) == (24, 8)
    assert (attention.macs, attention.steps, attention.weights) == (12 + 4, 2, 0)
    assert head.told is None and meter.multiplications == 24 + 2 * 2 * 2 * 5


def test_samples_are_counted_whatever_form_the_answer_has() -> None:
    class Answers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> SimpleNamespace:
            return SimpleNamespace(logits=self.head(x), loss=None)

    network = Answers()
    with torch.no_grad(), SynopsMeter(network) as meter:
        network(torch.rand(5, 4))
    assert meter.multiplications == 12


@pytest.mark.filterwarnings("ignore")
def test_a_script_is_counted_as_what_it_was_made_of() -> None:
    network, inputs = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), torch.rand(5, 4)
    with torch.no_grad(), SynopsMeter(torch.jit.trace(network, inputs)) as meter:
        meter.network(inputs)
    assert meter.multiplications == 4 * 3 + 3 * 2
