"""Products that are no layers, against torch's own counter and against counts by hand."""

from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from spikedistill.core.clock import steps
from spikedistill.core.expose import UNKNOWN
from spikedistill.costs.firing import FiringMeter
from spikedistill.costs.functional import uncounted
from spikedistill.costs.operations import macs, macs_per_layer
from spikedistill.costs.synops import SynopsMeter
from spikedistill.functional.compiled import compiling
from spikedistill.neurons.lif import LIF
from spikedistill.taps import Tapped


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """A few steps of small layers are not worth compiling."""
    with compiling(False):
        yield


class Maps(nn.Module):
    """Convolutions as layers and as functions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 10)
        self.weight = nn.Parameter(torch.randn(8, 4, 3, 3))
        self.back = nn.Parameter(torch.randn(8, 6, 2, 2))
        self.head = nn.Parameter(torch.randn(8, 6))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(F.conv2d(F.relu(self.conv(x)), self.weight, padding=1, groups=2, stride=2))
        y = F.conv_transpose2d(y, weight=self.back, stride=2).mean((2, 3))
        return self.fc(F.linear(y, self.head))


class Tokens(nn.Module):
    """Attention in the ways in which it is written."""

    def __init__(self, form: Callable[["Tokens", Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.form, self.qkv, self.fc = form, nn.Linear(8, 24), nn.Linear(8, 4)
        self.mix, self.bias = nn.Parameter(torch.randn(8, 8)), nn.Parameter(torch.randn(8))

    def forward(self, x: Tensor) -> Tensor:
        queries, keys, values = self.qkv(x.flatten(2).transpose(1, 2)).chunk(3, -1)
        return self.fc(self.form(self, queries, keys, values).mean(1))


FORMS: list[Callable[[Tokens, Tensor, Tensor, Tensor], Tensor]] = [
    lambda m, q, k, v: (q @ k.mT).softmax(-1) @ v,
    lambda m, q, k, v: torch.bmm(torch.bmm(q, k.transpose(1, 2)), v),
    lambda m, q, k, v: torch.einsum("bld,bmd->blm", q, k).matmul(v),
    lambda m, q, k, v: torch.einsum("bld,de,bme->blm", q, m.mix, k) @ v,
    lambda m, q, k, v: torch.tensordot(q, m.mix, dims=1),
    lambda m, q, k, v: torch.addmm(m.bias, v.flatten(0, 1), m.mix).unflatten(0, q.shape[:2]),
    lambda m, q, k, v: torch.baddbmm(q, q @ k.mT, v),
    lambda m, q, k, v: F.linear(q, m.mix, m.bias) + v @ m.mix.T,
    lambda m, q, k, v: (m.mix @ q.mT).mT,
]


def flops(network: nn.Module, x: Tensor) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(x)
    return counter.get_total_flops() // 2


@pytest.mark.parametrize(
    "network", [Maps(), *(Tokens(form) for form in FORMS)], ids=lambda m: type(m).__name__
)
def test_as_many_products_as_torch_counts(network: nn.Module) -> None:
    x = torch.rand(1, 3 if isinstance(network, Maps) else 8, 8, 8)
    found = macs(network, x)
    assert found == flops(network, x)
    with torch.no_grad(), SynopsMeter(network) as meter:
        network(x.repeat(5, 1, 1, 1))
        network(x.repeat(3, 1, 1, 1))
    assert meter.multiplications == pytest.approx(found)
    assert all(layer.steps == 1 for layer in meter.layers())


def test_the_paths_are_those_of_the_module_that_calls() -> None:
    network = nn.Sequential(Maps(), nn.ReLU())
    assert list(macs_per_layer(network, torch.rand(1, 3, 8, 8))) == [
        "0.conv", "0: conv2d", "0: conv_transpose2d", "0: linear", "0.fc",
    ]  # fmt: skip
    vector = Tokens(lambda m, q, k, v: torch.mv(q.flatten(0, 1), m.bias).view(*q.shape[:2], 1) + q)
    assert macs_per_layer(vector, torch.rand(1, 8, 4, 4))["the network itself: mv"] == 16 * 8
    tokens = macs_per_layer(Tokens(FORMS[0]), torch.rand(1, 8, 4, 4))
    assert list(tokens)[1:3] == ["the network itself: matmul", "the network itself: matmul 2"]
    both = macs_per_layer(Tokens(lambda m, q, k, v: q @ m.mix + k @ m.mix), torch.rand(1, 8, 4, 4))
    assert both["the network itself: matmul"] == 2 * 16 * 64  # one weight, as a layer called twice


def test_modules_that_are_no_layers_of_weights() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.lstm = nn.LSTM(8, 5, num_layers=2, bidirectional=True, batch_first=True)
            self.gru, self.two = nn.GRUCell(10, 4), nn.Bilinear(4, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.attention(x, x, x)[0]
            x = F.scaled_dot_product_attention(x, x[:, :3], x[:, :3])
            x = self.gru(self.lstm(x)[0].mean(1))
            return self.two(x, x)

    found = macs_per_layer(Mixed(), torch.rand(2, 6, 8))
    lstm = 2 * (20 * 8 + 20 * 5) + 2 * (20 * 10 + 20 * 5)
    assert found == {
        "attention: MultiheadAttention": 6 * 4 * 64 + 2 * 6 * 6 * 8,
        "the network itself: scaled_dot_product_attention": 6 * 3 * 16,
        "lstm: LSTM": 6 * lstm,
        "gru: GRUCell": 12 * 10 + 12 * 4,
        "two: Bilinear": 3 * 16,
    }
    with torch.no_grad(), SynopsMeter(network := Mixed()) as meter:
        network(torch.rand(4, 6, 8))
    assert meter.multiplications == sum(found.values())


def test_script_modules_are_watched_from_below() -> None:
    inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1))
    network = nn.Sequential(torch.jit.script(inner), nn.Flatten(), nn.Linear(32, 2))
    x = torch.rand(1, 3, 6, 6)
    found = macs_per_layer(network, x)
    assert found == {"0: RecursiveScriptModule": 16 * 4 * 27 + 16 * 8, "2": 64}
    with torch.no_grad(), SynopsMeter(network) as meter:
        network(x)
    assert meter.multiplications == sum(found.values())


class Spiking(nn.Module):
    """Attention of spikes with spikes, then with real numbers, and a convolution of spikes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.q, self.k = nn.Linear(3, 4), LIF(v_threshold=0.1), LIF(v_threshold=0.3)
        self.weight = nn.Parameter(torch.randn(5, 4))

    def forward(self, x: Tensor) -> Tensor:
        current = self.stem(x)
        q, k = self.q(current), self.k(current + 0.6)
        both = q @ k.mT  # spikes meet spikes
        mixed = both.sigmoid() @ k  # real numbers meet spikes
        real = current @ mixed.mT  # neither
        return F.linear(q, self.weight).mean(1) + real.mean() + 0 * both.mean()


def test_spikes_accumulate_and_real_numbers_multiply() -> None:
    torch.manual_seed(0)
    network, T, B, L = Spiking(), 3, 2, 6
    spikes: dict[str, Tensor] = {}
    for name in ("q", "k"):
        network.get_submodule(name).register_forward_hook(
            lambda _m, _i, value, name=name: spikes.update({name: value})
        )
    with torch.no_grad(), SynopsMeter(network) as meter, steps(network, T):
        network(torch.rand(T * B, L, 3))
    rates = {name: float(value.mean()) for name, value in spikes.items()}
    assert 0 < min(rates.values()) < 1 and rates["q"] != rates["k"]
    stem, both, mixed, real, last = meter.layers()
    products = L * L * 4
    assert (stem.path, both.path) == ("stem", "the network itself: matmul")
    assert [layer.spiking for layer in meter.layers()] == [False, True, True, False, True]
    assert [layer.macs for layer in (both, mixed, real)] == [products] * 3
    assert all(layer.steps == T for layer in meter.layers())
    assert both.accumulations == pytest.approx(min(rates.values()) * T * products)
    assert mixed.accumulations == pytest.approx(rates["k"] * T * products)
    assert real.multiplications == T * products and real.accumulations == 0
    assert (last.path, last.weights) == ("the network itself: linear", 20)
    assert last.accumulations == pytest.approx(float(spikes["q"].sum()) / B * 5)
    assert [layer.stem for layer in meter.layers()] == [True, False, False, False, False]


def test_a_functional_stem_is_computed_once_and_neurons_stand_with_it() -> None:
    class Stem(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.fire = nn.Parameter(torch.rand(5, 3)), LIF(v_threshold=0.3)
            self.fc = nn.Linear(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.fire(F.linear(x, self.weight)))

    network = Stem().eval()
    with torch.no_grad(), SynopsMeter(network) as meter:
        Tapped(network)(torch.rand(1, 7, 3), 4)
    stem, last = meter.layers()
    assert (stem.path, stem.macs, stem.steps, stem.stem) == (
        "the network itself: linear",
        15,
        1,
        True,
    )
    assert [update.path for update in stem.updates] == ["fire"] and last.steps == 4


def test_what_other_meters_compute_is_not_the_network() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Sequential(LIF(v_threshold=0.1), nn.Linear(4, 2)))
    with torch.no_grad(), SynopsMeter(network) as meter, FiringMeter(network), steps(network, 2):
        network(torch.rand(6, 3))
    assert [layer.path for layer in meter.layers()] == ["0", "1.1"]


def test_an_error_on_the_way_leaves_nothing_behind() -> None:
    class Fails(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("on the way")

    class Neurons(LIF):
        def forward(self, current: Tensor) -> Tensor:
            raise RuntimeError("in a neuron")

    for part in (Fails(), Neurons()):
        network = nn.Sequential(nn.Linear(3, 3), nn.Sequential(part))
        with pytest.raises(RuntimeError, match=r"on the way|in a neuron"), SynopsMeter(network):
            network(torch.rand(2, 3))
        assert torch.overrides._get_current_function_mode() is None
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_products_of_weights_alone_are_made_before_an_inference() -> None:
    class LowRank(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down, self.up = nn.Parameter(torch.rand(2, 4)), nn.Parameter(torch.rand(3, 2))

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(x, self.up @ self.down)

    assert macs_per_layer(LowRank(), torch.rand(1, 4)) == {"the network itself: linear": 12}


def test_what_is_counted_is_not_said_to_be_left_out() -> None:
    twin = nn.Sequential(nn.Linear(2, 2))
    twin.real_valued = ("attention: matmul", "attention: softmax", "the network itself: bmm")  # type: ignore[assignment]
    network = nn.ModuleDict({"network": twin})
    assert uncounted(network, ["network.attention: matmul", "network: bmm"]) == [
        "attention: softmax"
    ]
    assert uncounted(twin, ["attention: matmul"]) == [
        "attention: softmax",
        "the network itself: bmm",
    ]
    twin.real_valued = (f"0 (Block): {UNKNOWN}",)  # type: ignore[assignment]
    assert uncounted(twin, []) == [
        "what 0 (Block) computes beside its layers and products, not known"
    ]
