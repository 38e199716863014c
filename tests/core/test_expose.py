"""Finding activation calls: every form in which a forward can make one."""

import copy
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikedistill.conversion.twin import spiking_twin
from spikedistill.core.clock import Temporal
from spikedistill.core.expose import expose
from spikedistill.functional.compiled import compiling
from spikedistill.neurons.lif import LIF


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """A few steps of small layers are not worth compiling."""
    with compiling(False):
        yield


def neurons(network: nn.Module) -> list[str]:
    return [path for path, module in network.named_modules() if isinstance(module, Temporal)]


def test_training_mode_reaches_functions_that_read_it() -> None:
    class Dropped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(64, 64)

        def forward(self, x: Tensor) -> Tensor:
            return F.dropout(F.relu(self.linear(x)), 0.5, training=self.training)

    twin = spiking_twin(nn.Sequential(Dropped()), LIF(v_threshold=0.01))
    x = torch.rand(4, 64) + 1
    assert set(twin.eval()(x).unique().tolist()) == {0.0, 1.0}
    assert set(twin.train()(x).unique().tolist()) == {0.0, 2.0}
    assert twin.untraced == ()


def test_optional_arguments_are_held_at_their_defaults() -> None:
    class Feature(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(3, 5), nn.Linear(5, 2)

        def forward(self, x: Tensor, is_feat: bool = False, mask: Tensor | None = None) -> object:
            hidden = F.relu(self.fc1(x))
            if mask is not None:
                hidden = hidden * mask
            return ([hidden], self.fc2(hidden)) if is_feat else self.fc2(hidden)

    twin = spiking_twin(Feature(), LIF())
    assert neurons(twin) == ["neuron1"]
    assert twin(torch.rand(4, 3)).shape == (4, 2)
    assert twin(torch.rand(4, 3), False).shape == (4, 2)
    with pytest.raises(AssertionError, match="is_feat"):
        twin(torch.rand(4, 3), True)


@pytest.mark.parametrize(
    "function",
    [
        F.relu,
        F.relu6,
        torch.relu,
        torch.relu_,
        lambda x: x.relu(),
        lambda x: x.clamp(min=0),
        lambda x: torch.clamp(x, 0, 6),
        lambda x: x.clamp_min(0.0),
        lambda x: F.leaky_relu(x, 0.2),
        lambda x: F.hardtanh(x, 0.0, 1.0),
        lambda x: F.elu(x),
        lambda x: nn.ReLU()(x),
    ],
)
def test_functional_forms(function: object) -> None:
    class One(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function(x)  # type: ignore[operator]

    network = nn.Sequential(One())
    x = torch.linspace(-2, 8, 11)
    exposed = copy.deepcopy(network)
    assert expose(exposed).sites == ("0.neuron1",)
    torch.testing.assert_close(exposed(x.clone()), network(x.clone()))
    twin = spiking_twin(network, LIF())
    assert twin(torch.tensor([0.5, 1.5])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("kind", [nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.LeakyReLU, nn.PReLU])
def test_activation_modules(kind: type[nn.Module]) -> None:
    twin = spiking_twin(nn.Sequential(nn.Linear(2, 2), kind()), LIF())
    assert neurons(twin) == ["1"]


def test_one_instance_in_two_places_becomes_two_neurons() -> None:
    relu = nn.ReLU()
    network = nn.Sequential(nn.Linear(2, 2), relu, nn.Linear(2, 2), relu)
    twin = spiking_twin(network, LIF())
    assert neurons(twin) == ["1", "3"] and twin[1] is not twin[3]
    assert network[1] is network[3]


def test_activation_called_from_outside_its_block_too() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
            self.linear = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.block[1](self.linear(self.block(x)))

    network = Outer()
    exposed = copy.deepcopy(network)
    assert len(expose(exposed).sites) == 2
    x = torch.randn(5, 2)
    assert torch.equal(exposed(x), network(x))


def test_overwritten_input_is_the_spikes() -> None:
    """An in-place ReLU changes what the shortcut reads; the twin's shortcut reads the spikes."""

    class Overwriting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            y = x * 1.0
            return self.relu(y) + y

    x = torch.tensor([-1.0, 0.5, 3.0])
    exposed = nn.Sequential(Overwriting())
    expose(exposed)
    assert exposed(x).tolist() == [0.0, 1.0, 6.0]
    assert spiking_twin(nn.Sequential(Overwriting()), LIF())(x).tolist() == [0.0, 0.0, 2.0]


def test_other_activations_on_request() -> None:
    class Swish(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.silu(x)

    twin = spiking_twin(nn.Sequential(nn.SiLU(), Swish()), LIF(), activations=(nn.SiLU,))
    assert neurons(twin) == ["0", "1.neuron1"] and twin.real_valued == ()


class Assigned(nn.Module):
    """A ReLU that torch.fx cannot follow."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.clone()
        x[x < 0] = 0
        return x


def test_own_activation_modules_are_replaced_whole_at_every_call() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.act = nn.Linear(3, 3), Assigned()

        def forward(self, x: Tensor) -> Tensor:
            return self.act(self.linear(self.act(self.linear(x))))

    shared = Assigned()
    network = nn.Sequential(Twice(), shared, nn.Linear(3, 3), shared)
    exposed, x = copy.deepcopy(network), torch.randn(4, 3)
    assert sorted(expose(exposed).sites) == ["0.act", "0.act2", "1", "3"]
    assert torch.equal(exposed(x), network(x))
    twin = spiking_twin(network, LIF())
    assert sorted(neurons(twin)) == ["0.act", "0.act2", "1", "3"]
    assert (twin.real_valued, twin.untraced) == ((), ())


def test_a_forward_that_branches_counts_as_unknown() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu, self.gelu = nn.Conv2d(3, 8, 3), nn.ReLU(), nn.GELU()

        def forward(self, x: Tensor) -> Tensor:
            y = self.relu(self.conv(x))
            return torch.sigmoid(y) * self.gelu(y) if y.sum() > 0 else y

    twin = spiking_twin(nn.Sequential(Branching()), LIF())
    assert neurons(twin) == ["0.relu"]
    unknown = "not followed, so what it computes with real numbers is not known"
    assert twin.real_valued == ("0.gelu: GELU", f"0 (Branching): {unknown}")
    assert twin.untraced[0].startswith("0 (Branching): ")
    root = spiking_twin(Branching(), LIF())
    assert root.real_valued[1] == f"the network itself (Branching): {unknown}"


def test_a_script_module_is_left_as_it_is_and_named() -> None:
    block = torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    network = nn.Sequential(block, nn.ReLU())
    twin, x = spiking_twin(network, LIF()), torch.rand(2, 3, 5, 5)
    assert neurons(twin) == ["1"]
    assert torch.equal(twin[0](x), block(x))
    (unknown,), (untraced,) = twin.real_valued, twin.untraced
    assert unknown.startswith("0 (Sequential): not followed") and "script" in untraced
    assert all(parameter.is_leaf and parameter.requires_grad for parameter in twin.parameters())


def test_what_is_made_of_weights_alone_is_not_named() -> None:
    class Standardised(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
            return F.conv2d(x, weight / weight.std((1, 2, 3), keepdim=True), self.bias)

    network = nn.Sequential(
        Standardised(3, 4, 3),
        nn.ReLU(),
        torch.nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 1)),
    )
    assert expose(network).real_valued == ()


class Dense(nn.Module):
    """A block of a DenseNet with two layers, in the style of torchvision."""

    def __init__(self, channels: int, growth: int = 4) -> None:
        super().__init__()
        self.norm1, self.relu = nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(channels, growth, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(channels + growth)
        self.conv2 = nn.Conv2d(channels + growth, growth, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        new = self.conv1(self.relu(self.norm1(x)))
        x = torch.cat([x, new], 1)
        new = F.dropout(self.conv2(self.relu(self.norm2(x))), 0.2, self.training)
        return torch.cat([x, new], 1)


class Inverted(nn.Module):
    """A block of MobileNetV2, and a drop of paths in the style of timm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 2 * channels
        self.conv = nn.Sequential(
            nn.Conv2d(channels, wide, 1), nn.BatchNorm2d(wide), nn.ReLU6(inplace=True),
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, channels, 1), nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        if self.training:
            kept = y.new_empty((y.shape[0],) + (1,) * (y.ndim - 1)).bernoulli_(0.8)
            y = y.div(0.8) * kept
        return x + y


class Shuffled(nn.Module):
    """A block of ShuffleNetV2, with a classifier in the style of VGG."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv, self.gate = (
            nn.Conv2d(channels // 2, channels // 2, 1),
            nn.Parameter(torch.ones(1)),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(channels, 8), nn.ReLU(True), nn.Dropout(), nn.Linear(8, 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        one, other = x.chunk(2, dim=1)
        x = torch.cat((one, F.relu(self.conv(other)) * self.gate), dim=1)
        batch, channels, height, width = x.size()
        x = x.view(batch, 2, channels // 2, height, width).transpose(1, 2).contiguous()
        x = F.max_pool2d(x.view(batch, -1, height, width), 2)
        return self.classifier(F.adaptive_avg_pool2d(x, (1, 1)))


def test_ordinary_networks_are_named_nothing() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), Dense(8), Inverted(16), nn.AvgPool2d(2), Shuffled(16)
    )
    twin = spiking_twin(network, LIF())
    assert len(neurons(twin)) == 6
    assert (twin.real_valued, twin.untraced) == ((), ())
    assert twin(torch.rand(2, 3, 16, 16)).shape == (2, 2)


def test_gates_of_squeeze_and_excite_are_named() -> None:
    class Excited(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.squeeze = nn.AdaptiveAvgPool2d(1)
            self.fc = nn.Sequential(nn.Linear(8, 2), nn.ReLU(), nn.Linear(2, 8), nn.Sigmoid())

        def forward(self, x: Tensor) -> Tensor:
            y = self.fc(self.squeeze(x).view(x.size(0), -1)).view(x.size(0), -1, 1, 1)
            return x * y.expand_as(x)

    twin = spiking_twin(nn.Sequential(Excited()), LIF())
    assert neurons(twin) == ["0.fc.1"]
    assert twin.real_valued == ("0.fc.3: Sigmoid", "0: mul")


def test_what_was_exposed_is_not_exposed_again() -> None:
    class Functions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.relu(self.a(x))
            x = self.b(x)
            x = x * (x > 0)
            return F.silu(self.c(x).clamp(min=0))

    network, x = Functions(), torch.randn(5, 3)
    outputs = network(x)
    first = expose(network)
    paths = [path for path, _ in network.named_modules()]
    assert first.sites == ("neuron1", "neuron2", "neuron3")
    assert expose(network).sites == first.sites
    assert [path for path, _ in network.named_modules()] == paths
    assert expose(network, (nn.SiLU,)).sites == ("neuron4",)
    assert torch.equal(network(x), outputs)
