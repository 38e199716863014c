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
