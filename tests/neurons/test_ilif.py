"""The integer neuron: numbers of the specification, its gradient, and its binary sub-steps."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikedistill.conversion.twin import spiking_twin
from spikedistill.core.errors import SpikedistillError
from spikedistill.costs.synops import SynopsMeter
from spikedistill.functional.compiled import compiling
from spikedistill.neurons.ilif import ILIF


def test_numbers_of_the_specification() -> None:
    current = torch.tensor([[-0.3, 0.49, 0.5, 1.49, 2.5, 3.6, 7.0]])
    assert ILIF(k=4).over(current).tolist() == [[0, 0, 1, 1, 3, 4, 4]]
    neuron = ILIF(k=4, decay=0.25)
    seen: list[Tensor] = []
    neuron.membrane.register_forward_hook(lambda _m, _i, value: seen.append(value))
    sent = neuron.over(torch.tensor([[1.7], [0.4], [2.9]]))
    assert seen[0].flatten().tolist() == pytest.approx([1.7, 0.325, 2.98125])
    assert sent.flatten().tolist() == [2, 0, 3]
    assert ILIF(k=4, rounding="even").over(torch.tensor([[0.5, 2.5]])).tolist() == [[0, 2]]
    halves = ILIF(k=4, v_threshold=0.5, normalized=True).over(current / 2)
    assert halves.tolist() == [[value * 0.5 / 4 for value in (0, 0, 1, 1, 3, 4, 4)]]


def test_one_step_is_a_relu_that_is_clipped_and_rounded() -> None:
    current = torch.randn(1, 500, dtype=torch.float64) * 3
    for k, theta in ((1, 1.0), (2, 0.7), (8, 0.25)):
        neuron = ILIF(k, theta).double()
        wanted = theta * (F.relu(current) / theta).clamp(max=k).add(0.5).floor()
        assert torch.allclose(neuron.over(current), wanted, atol=1e-12)


def test_the_gradient_is_that_of_the_clip() -> None:
    current = torch.tensor([[-1.0, 0.2, 2.9, 3.1]], requires_grad=True)
    neuron = ILIF(3, 1.0, learned=True)
    neuron.over(current).sum().backward()
    assert current.grad is not None and current.grad.tolist() == [[0, 1, 1, 0]]
    # d(theta s)/d(theta) = s - u / theta inside, k above, 0 below; theta d/dtheta for its logarithm
    assert neuron.log_threshold.grad is not None
    total = (0 - 0.2) + (3 - 2.9) + 3
    assert neuron.log_threshold.grad.item() == pytest.approx(total / math.sqrt(4 * 3))


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("timesteps", [1, 3])
def test_compiled_and_eager_agree_bit_for_bit(learned: bool, timesteps: int) -> None:
    torch.manual_seed(0)
    found = []
    for on in (True, False):
        current = (torch.linspace(-2, 6, 3 * 40).reshape(3, 40)[:timesteps]).requires_grad_()
        neuron = ILIF(4, 0.7, learned=learned)
        with compiling(on):
            sent = neuron.over(current)
            sent.square().sum().backward()
        found.append((sent, current.grad, neuron.log_threshold.grad if learned else sent))
    (sent, gradient, summed), (sent_eager, gradient_eager, summed_eager) = found
    assert torch.equal(sent, sent_eager) and torch.equal(gradient, gradient_eager)
    assert torch.allclose(summed, summed_eager, rtol=1e-5)  # a sum over all places has an order


class Residual(nn.Module):
    """A convolutional network with a residual sum, a pooling and a concatenation."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 4, 3, 1, 1), nn.Conv2d(4, 4, 3, 1, 1)
        self.c, self.head = nn.Conv2d(8, 6, 3, 1, 1), nn.Linear(6 * 4, 3)
        self.n1, self.n2, self.n3 = ILIF(k, 0.2), ILIF(k, 0.15), ILIF(k, 0.1)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        first = self.n1(self.a(x))
        second = self.n2(self.b(first) + first)
        third = self.n3(self.c(self.pool(torch.cat([first, second], 1))))
        return self.head(self.pool(third).flatten(1))

    def by_sub_steps(self, x: Tensor) -> Tensor:
        """The same with every integer as k binary sub-steps, each a pass through the layers."""

        def bits(sent: Tensor, neuron: ILIF) -> list[Tensor]:
            count = (sent / neuron.height).round()
            return [neuron.height * (count > step).to(sent) for step in range(neuron.k)]

        def summed(layer: nn.Module, steps: list[Tensor]) -> Tensor:
            bias = layer.bias.reshape(-1, *[1] * 2) if isinstance(layer, nn.Conv2d) else layer.bias
            return sum(layer(step) - bias for step in steps) + bias  # type: ignore[return-value]

        one = bits(self.n1(self.a(x)), self.n1)
        two = bits(self.n2(summed(self.b, one) + sum(one)), self.n2)
        both = [self.pool(torch.cat(pair, 1)) for pair in zip(one, two, strict=True)]
        three = bits(self.n3(summed(self.c, both)), self.n3)
        return summed(self.head, [self.pool(step).flatten(1) for step in three])


@pytest.mark.parametrize("k", [1, 2, 4])
def test_integers_are_their_binary_sub_steps(k: int) -> None:
    torch.manual_seed(1)
    network = Residual(k).double()
    images = torch.rand(5, 2, 8, 8, dtype=torch.float64)
    assert torch.allclose(network(images), network.by_sub_steps(images), atol=1e-12)


def test_an_integer_is_counted_as_so_many_accumulations() -> None:
    network = nn.Sequential(nn.Linear(3, 4), ILIF(4, 0.5), nn.Linear(4, 5)).eval()
    with torch.no_grad():
        network[0].weight.zero_()
        network[0].bias.copy_(torch.tensor([0.0, 0.6, 1.1, 9.0]))  # 0, 1, 2 and 4 spikes
        with SynopsMeter(network) as meter:
            network(torch.full((2, 3), 0.5))
    assert meter.accumulations == (0 + 1 + 2 + 4) * 5
    assert meter.multiplications == 3 * 4


def test_neurons_of_a_height_take_the_percentile_of_the_activations() -> None:
    torch.manual_seed(0)
    ann = nn.Sequential(nn.Linear(6, 40), nn.ReLU(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 3))
    inputs = torch.randn(400, 6)
    for k in (2, 64):
        twin = spiking_twin(ann, ILIF(k), thresholds=inputs, percentile=100.0)
        most = ann[:2](inputs).max().item()
        assert twin[1].k * twin[1].height == pytest.approx(most)
        # each site rounds by half a level, which the weights behind it pass on
        error = twin[1].height / 2
        error = float(ann[2].weight.abs().sum(1).max()) * error + twin[3].height / 2
        error = float(ann[4].weight.abs().sum(1).max()) * error
        gap = (twin(inputs) - ann(inputs)).abs().max().item()
        assert 0 < gap <= error * 1.0001
    with pytest.raises(SpikedistillError, match="divides what it sends by k"):
        spiking_twin(ann, ILIF(4, normalized=True), thresholds=inputs)
    again = spiking_twin(ann, ILIF(64), thresholds=1.0)
    twin = spiking_twin(ann, ILIF(64), thresholds=inputs)
    again.load_state_dict(twin.state_dict())
    assert torch.equal(again(inputs), twin(inputs))


def test_what_it_learns_is_kept_and_positive() -> None:
    neuron = ILIF(2, 0.3, learned=True)
    other = ILIF(2, learned=True)
    other.load_state_dict(neuron.state_dict())
    assert other.v_threshold == pytest.approx(0.3) and other.height == pytest.approx(0.3)
    assert [name for name, _ in neuron.named_parameters()] == ["log_threshold"]
    assert not list(ILIF(2, 0.3).parameters()) and "log_threshold" in ILIF(2).state_dict()
    assert not ILIF(2).leaks


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"k": 0}, r"ILIF\(k=0\) never sends a spike"),
        ({"v_threshold": 0.0}, "cannot fire sensibly"),
        ({"v_threshold": math.nan}, "cannot fire sensibly"),
        ({"decay": 1.5}, "is no share of a potential"),
        ({"rounding": "down"}, "no rounding 'down'; it takes 'up' or 'even'"),
    ],
)
def test_bad_options_get_a_sentence(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        ILIF(**options)  # type: ignore[arg-type]


def test_spikes_of_another_height_are_spikes_on_a_shortcut_too() -> None:
    class Shortcut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.skip, self.c = (nn.Linear(4, 4) for _ in range(4))
            self.first, self.second, self.third = ILIF(2, 0.3), ILIF(2, 0.7), ILIF(2, 0.1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(self.a(x))
            deep = self.b(self.second(self.b(x)))
            return self.c(self.third(deep + self.skip(x)))  # skip reads what `first` sent

    torch.manual_seed(0)
    network = Shortcut().eval()
    with torch.no_grad(), SynopsMeter(network) as meter:
        network(torch.randn(30, 4))
    kinds = {layer.path: layer.spiking for layer in meter.layers()}
    assert kinds == {"a": False, "b": True, "skip": True, "c": True}
