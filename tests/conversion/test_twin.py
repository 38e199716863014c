"""The spiking twin: one neuron per activation call, everything else where it was."""

import copy
import logging
import os
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikedistill.conversion.twin import spiking_twin
from spikedistill.core.clock import Temporal, steps
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.expose import expose
from spikedistill.core.factory import Planned
from spikedistill.functional.compiled import compiling
from spikedistill.models.cifar_resnet import cifar_resnet
from spikedistill.neurons.lif import LIF

TYPE_CHECKED = os.environ.get("SPIKEDISTILL_TYPECHECK") == "1"


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """A few steps of small layers are not worth compiling."""
    with compiling(False):
        yield


def neurons(network: nn.Module) -> list[str]:
    return [path for path, module in network.named_modules() if isinstance(module, Temporal)]


class Functional(nn.Module):
    """A residual block in the style of F.relu."""

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return torch.relu(out)


class Reused(nn.Module):
    """A residual block in the style of torchvision: one ReLU module, called twice."""

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class Net(nn.Module):
    """A stem, two stages of blocks, a classifier."""

    taps = {"stage1": "layer1", "stage2": "layer2"}  # noqa: RUF012

    def __init__(self, block: type[nn.Module]) -> None:
        super().__init__()
        self.classes = 3
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.layer1 = nn.Sequential(block(), block())
        self.layer2 = nn.Sequential(block())
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x).relu()
        x = self.layer2(self.layer1(x))
        x = F.avg_pool2d(x, x.size()[3])
        return self.linear(x.view(x.size(0), -1))


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def randomised(network: nn.Module) -> nn.Module:
    """Norms that are not the identity, so that a lost one would show."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.weight, module.bias, module.running_mean, module.running_var):
                nn.init.uniform_(value, 0.5, 1.5)
    return network.eval()


def test_every_functional_call_becomes_a_neuron_of_its_own() -> None:
    twin = spiking_twin(Net(Functional), LIF())
    assert neurons(twin) == [
        "neuron1",
        "layer1.0.neuron1",
        "layer1.0.neuron2",
        "layer1.1.neuron1",
        "layer1.1.neuron2",
        "layer2.0.neuron1",
        "layer2.0.neuron2",
    ]
    found = [module for module in twin.modules() if isinstance(module, LIF)]
    assert len({id(module) for module in found}) == 7
    assert twin.untraced == () and twin.real_valued == ()


def test_one_module_called_twice_becomes_two_neurons() -> None:
    twin = spiking_twin(Net(Reused), LIF())
    assert neurons(twin)[1:3] == ["layer1.0.relu", "layer1.0.relu2"]
    assert len(neurons(twin)) == 7
    assert twin.layer1[0].relu is not twin.layer1[0].relu2


def test_registration_follows_execution() -> None:
    twin = spiking_twin(Net(Functional), LIF())
    assert list(dict(twin.named_children())) == ["conv1", "neuron1", "layer1", "layer2", "linear"]
    block = list(dict(twin.layer1[0].named_children()))
    assert block == ["conv1", "bn1", "neuron1", "conv2", "bn2", "shortcut", "neuron2"]


@pytest.mark.parametrize("block", [Functional, Reused])
def test_exposed_network_computes_what_it_computed(block: type[nn.Module], images: Tensor) -> None:
    network = randomised(Net(block))
    exposed = copy.deepcopy(network)
    sites = expose(exposed).sites
    assert len(sites) == 7
    torch.testing.assert_close(exposed(images), network(images), rtol=0, atol=0)


def test_twin_spikes_where_the_network_activates(images: Tensor) -> None:
    """The twin's blocks computed by hand, step after step, with the twin's own weights."""
    twin = spiking_twin(randomised(Net(Functional)), LIF())
    with steps(twin, 3):
        outputs = twin(images.repeat(3, 1, 1, 1)).unflatten(0, (3, 2))
    layer = LIF()

    def block(b: nn.Module, x: Tensor) -> Tensor:
        hidden = layer.over(over(b.bn1, over(b.conv1, x)))
        return layer.over(over(b.bn2, over(b.conv2, hidden)) + x)

    def over(module: nn.Module, x: Tensor) -> Tensor:
        return torch.stack([module(step) for step in x])

    x = layer.over(over(twin.conv1, torch.stack([images] * 3)))
    for b in (*twin.layer1, *twin.layer2):
        x = block(b, x)
    torch.testing.assert_close(outputs, over(twin.linear, x.mean((-1, -2))))


def test_taps_by_path_still_fire(images: Tensor) -> None:
    network = Net(Functional)
    twin = spiking_twin(network, LIF())
    assert twin.taps == network.taps and twin.classes == 3
    assert isinstance(twin, Net) and isinstance(twin.layer1[0], Functional)
    seen: list[Tensor] = []
    twin.get_submodule(twin.taps["stage1"]).register_forward_hook(
        lambda _m, _i, value: seen.append(value)
    )
    twin(images)
    assert seen[0].shape == (2, 4, 8, 8)
    assert set(seen[0].unique().tolist()) <= {0.0, 1.0}


def test_original_is_left_alone(images: Tensor) -> None:
    network = randomised(Net(Reused))
    before, keys = network(images), list(network.state_dict())
    spiking_twin(network, LIF())
    assert neurons(network) == [] and list(network.state_dict()) == keys
    assert torch.equal(network(images), before)


def test_copied_weights_are_equal_and_not_shared() -> None:
    network = Net(Functional)
    twin = spiking_twin(network, LIF())
    state = twin.state_dict()
    for name, value in network.state_dict().items():
        assert torch.equal(state[name], value) and state[name] is not value
    with torch.no_grad():
        twin.conv1.weight.zero_()
    assert network.conv1.weight.abs().sum() > 0


def test_fresh_weights_differ() -> None:
    network = randomised(Net(Functional))
    twin = spiking_twin(network, LIF(), weights="fresh")
    assert not torch.equal(twin.conv1.weight, network.conv1.weight)
    assert torch.equal(twin.layer1[0].bn1.weight, torch.ones(4))
    assert torch.equal(twin.layer1[0].bn1.running_mean, torch.zeros(4))


def test_fresh_names_what_it_could_not_reset(caplog: pytest.LogCaptureFixture) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))
            self.relu = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.relu(x) * self.scale

    with caplog.at_level(logging.WARNING, "spikedistill"):
        spiking_twin(nn.Sequential(nn.Linear(2, 2), Scaled()), LIF(), weights="fresh")
    assert "1.scale" in caplog.text


def test_state_dict_round_trip_and_deepcopy(images: Tensor) -> None:
    network = randomised(Net(Functional))
    twin = spiking_twin(network, LIF())
    assert list(twin.state_dict().keys()) == list(network.state_dict().keys())
    other = spiking_twin(randomised(Net(Functional)), LIF())
    other.load_state_dict(twin.state_dict())
    clone = copy.deepcopy(twin)
    with steps(twin, 2), steps(other, 2), steps(clone, 2):
        folded = images.repeat(2, 1, 1, 1)
        expected = twin(folded)
        assert torch.equal(other(folded), expected) and torch.equal(clone(folded), expected)
    assert clone.neuron1 is not twin.neuron1


def test_shared_block_stays_shared() -> None:
    block = Functional()
    network = nn.Sequential(block, nn.MaxPool2d(2), block)
    twin = spiking_twin(network, LIF())
    assert twin[0] is twin[2] and neurons(twin) == ["0.neuron1", "0.neuron2"]
    assert twin(torch.rand(1, 4, 4, 4)).shape == (1, 4, 2, 2)


def test_what_cannot_spike_is_named(caplog: pytest.LogCaptureFixture) -> None:
    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.fc = nn.LayerNorm(4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return F.softmax(self.fc(torch.sigmoid(self.norm(x))), -1)

    network = nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.ReLU(), nn.MaxPool1d(1), Head())
    with caplog.at_level(logging.WARNING, "spikedistill"):
        twin = spiking_twin(network, LIF())
    assert twin.real_valued == ("1: GELU", "4.norm: LayerNorm", "4: sigmoid", "4: softmax")
    assert "1: GELU" in caplog.text
    assert neurons(twin) == ["2"]


def test_untraceable_module_is_replaced_by_module_and_named(
    caplog: pytest.LogCaptureFixture, images: Tensor
) -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convs = nn.ModuleList([nn.Conv2d(3, 4, 3), Functional()])
            self.relu = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            x = self.relu(self.convs[0](x))
            return self.convs[1](x) if x.sum() > -1 else F.relu(x)

    with caplog.at_level(logging.WARNING, "spikedistill"):
        twin = spiking_twin(nn.Sequential(Branching()), LIF())
    assert neurons(twin) == ["0.convs.1.neuron1", "0.convs.1.neuron2", "0.relu"]
    assert len(twin.untraced) == 1 and twin.untraced[0].startswith("0 (Branching): ")
    assert "1 Branching" in caplog.text
    assert twin(images).shape == (2, 4, 6, 6)


def test_network_without_activation_is_refused() -> None:
    with pytest.raises(SpikedistillError, match=r"no activation.*1: GELU.*activations"):
        spiking_twin(nn.Sequential(nn.Linear(2, 2), nn.GELU()), LIF())


def test_twin_of_a_twin_is_refused() -> None:
    twin = spiking_twin(Net(Functional), LIF())
    with pytest.raises(SpikedistillError, match=r"already has 7 temporal layers.*'neuron1'"):
        spiking_twin(twin, LIF())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(
            {"weights": "random"},
            "'copied' or 'fresh', not 'random'",
            marks=pytest.mark.skipif(TYPE_CHECKED, reason="the type check is faster"),
        ),
        ({"percentile": 0.0}, "percentile lies in"),
        ({"weights": "fresh", "thresholds": torch.rand(1, 3, 8, 8)}, "belong to the weights"),
    ],
)
def test_bad_options(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        spiking_twin(Net(Functional), LIF(), **options)  # type: ignore[arg-type]


def test_hooks_of_the_network_do_not_see_its_twin(images: Tensor) -> None:
    network, calls = Net(Functional), []
    network.layer1.register_forward_hook(lambda *_: calls.append(1))
    spiking_twin(network, LIF())(images)
    assert calls == []


def test_thresholds_are_percentiles_of_the_activations() -> None:
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Flatten())
    nn.init.constant_(network[0].weight, 2.0)
    inputs = torch.arange(1.0, 101.0).unsqueeze(1)
    twin = spiking_twin(network, LIF(), thresholds=inputs, percentile=90.0)
    assert twin[1].threshold == 180.0
    assert twin(torch.tensor([[89.9], [90.1]])).flatten().tolist() == [0.0, 1.0]
    loaded = spiking_twin(network, LIF(), thresholds=1.0)
    loaded.load_state_dict(twin.state_dict())
    assert loaded(torch.tensor([[89.9], [90.1]])).flatten().tolist() == [0.0, 1.0]


def test_rates_of_long_runs_are_the_clipped_activations() -> None:
    """Integrate and fire with soft reset: the rate of T steps is min(relu(x) / theta, 1)."""
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(6, 32), nn.ReLU())
    inputs = torch.randn(64, 6)
    neuron = LIF(tau=float("inf"), v_reset=None, fires_at_equality=True)
    twin = spiking_twin(network, neuron, thresholds=inputs, percentile=95.0)
    T = 200
    with torch.no_grad(), steps(twin, T):
        rate = twin(inputs.repeat(T, 1)).unflatten(0, (T, -1)).mean(0)
    theta = twin[1].threshold
    expected = (network(inputs) / theta).clamp(max=1.0)
    assert (rate - expected).abs().max() <= 1.001 / T
    assert (network(inputs) > theta).float().mean() == pytest.approx(0.05, abs=0.001)


def test_balanced_threshold_is_the_neurons_threshold() -> None:
    """Dividing the current is the same as raising the threshold, spike by spike."""
    network = nn.Sequential(nn.Linear(3, 16), nn.ReLU())
    inputs = torch.randn(4 * 8, 3) * 3
    balanced = spiking_twin(network, LIF(v_threshold=0.5), thresholds=0.75)
    plain = spiking_twin(network, LIF(v_threshold=0.75))
    with steps(balanced, 4), steps(plain, 4):
        assert torch.equal(balanced(inputs), plain(inputs))


def test_neurons_that_must_know_their_place_are_given_it() -> None:
    def placed(channels: int, timesteps: int, tau: float) -> nn.Module:
        neuron = LIF(tau=tau)
        neuron._place = (channels, timesteps)
        return neuron

    network, planned = Net(Functional), Planned(placed, {"tau": 3.0})
    twin = spiking_twin(network, planned, example=torch.rand(2, 3, 6, 6), timesteps=5)
    made = [module for module in twin.modules() if isinstance(module, LIF)]
    assert len(made) == len(neurons(spiking_twin(network, LIF()))) and len(set(made)) == len(made)
    assert {(one.tau, one._place) for one in made} == {(3.0, (4, 5))}
    with pytest.raises(SpikedistillError, match=r"placed must know its place \(channels, ti"):
        spiking_twin(network, planned)
    plain = spiking_twin(network, Planned(LIF, {"tau": 3.0}))
    assert [one.tau for one in plain.modules() if isinstance(one, LIF)] == [3.0] * len(made)


def test_blueprint_twin_is_the_blueprint_with_neurons() -> None:
    network = cifar_resnet(nn.ReLU, depth=8)
    twin, spiking = spiking_twin(network, LIF()), cifar_resnet(LIF(), depth=8)
    assert neurons(twin) == neurons(spiking)
    assert twin.taps == spiking.taps
    spiking.load_state_dict(twin.state_dict())
    images = torch.rand(2, 3, 16, 16)
    twin.eval(), spiking.eval()
    assert torch.equal(twin(images), spiking(images))


def test_gradients_reach_every_parameter(images: Tensor) -> None:
    twin = spiking_twin(Net(Reused), LIF())
    with steps(twin, 2):
        twin(images.repeat(2, 1, 1, 1)).sum().backward()
    assert all(p.grad is not None for p in twin.parameters())


@pytest.mark.compiled
def test_generated_forward_compiles(images: Tensor) -> None:
    twin = spiking_twin(randomised(Net(Functional)), nn.Hardtanh)
    compiled = torch.compile(twin, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(images), twin(images))
