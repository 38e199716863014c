"""Spikes that are fired again: the same gradients, and what is kept instead of them."""

from __future__ import annotations

import gc

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from spikedistill.functional import compiled, recall
from spikedistill.functional.recall import fired_again
from spikedistill.neurons.lif import LIF

pytestmark = pytest.mark.compiled


@pytest.fixture(autouse=True)
def on():
    with compiled.compiling(True):
        yield


def kept_bytes(call, *leave_out: Tensor) -> tuple[Tensor, int]:
    """The result of a call, and the bytes of what is kept for its backward pass."""
    seen = {}
    outside = {tensor.untyped_storage()._cdata for tensor in leave_out}

    def pack(tensor: Tensor):
        kept = recall.pack(tensor)
        held = kept if isinstance(kept, Tensor) else getattr(kept, "kept", None)
        if held is not None and held.untyped_storage()._cdata not in outside:
            seen[held.untyped_storage()._cdata] = held.untyped_storage().nbytes(), kept
        return kept

    with fired_again(), saved_tensors_hooks(pack, recall.unpack):
        result = call()
    return result, sum(size for size, _ in seen.values())


class Net(nn.Module):
    """conv - norm - LIF - conv - LIF over two steps, `[2 * B, 3, 6, 6]` in."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.norm = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 5, 3, padding=1, bias=False)
        self.neurons = nn.ModuleList([LIF(), LIF()])
        for neuron in self.neurons:
            neuron.timesteps = 2

    def forward(self, x: Tensor) -> Tensor:
        return self.neurons[1](self.second(self.neurons[0](self.norm(self.first(x)))))


def gradients(network: nn.Module, x: Tensor) -> list[Tensor]:
    network.zero_grad()
    x.grad = None
    (network(x) * torch.arange(6.0)).sum().backward()
    return [x.grad, *(p.grad.clone() for p in network.parameters())]  # type: ignore[list-item]


def test_gradients_are_the_same_bit_for_bit() -> None:
    network, x = Net(), torch.randn(8, 3, 6, 6, requires_grad=True)
    plain = gradients(network, x)
    with fired_again():
        again = gradients(network, x)
    for one, other in zip(plain, again, strict=True):
        assert torch.equal(one, other)


def test_a_neuron_that_is_first_compiled_inside_is_compiled_all_the_same() -> None:
    """Backward inside the block as well: torch's transforms refuse hooks, which stay outside."""
    network, x = Net(), torch.randn(8, 3, 6, 6, requires_grad=True)
    network.neurons = nn.ModuleList([LIF(tau=2.125), LIF(tau=2.125)])
    for neuron in network.neurons:
        neuron.timesteps = 2
    compiled.calls.clear()
    with fired_again():
        gradients(network, x)
    assert compiled.calls == {"compiled": 5}  # two forward, one of them again, two backward


def test_a_neuron_and_the_layer_behind_it_keep_one_current() -> None:
    """By hand: float32, N = 8 images of 36 places, channels 3 -> 4 -> 5.

    Kept: input 3 (of the first convolution), 4 (norm), 4 (first current), 5 (second current),
    and not the 4 of the first spikes.
    """
    network, x = Net(), torch.randn(8, 3, 6, 6)
    small = [*network.parameters(), *network.buffers()]
    statistics = 2 * 4 * 4  # mean and deviation of the norm
    numbers = 4  # the potential that neurons start from
    _, kept = kept_bytes(lambda: network(x), *small)
    assert kept == 4 * 8 * 36 * (3 + 4 + 4 + 5) + statistics + numbers * len(network.neurons)


def test_spikes_that_were_changed_in_place_are_kept() -> None:
    """As in networks that add a shortcut in place; firing again would not give the sum."""
    neuron, convolution = LIF(), nn.Conv2d(3, 2, 1, bias=False)
    x, grads = torch.randn(4, 3, 5, 5), []
    for context in (fired_again, torch.enable_grad):
        convolution.zero_grad()
        with context():
            current = x.clone().requires_grad_()
            spikes = neuron(current)
            spikes += 0.5
            convolution(spikes).square().sum().backward()
        grads.append(convolution.weight.grad.clone())  # type: ignore[union-attr]
    assert torch.equal(*grads)


def test_memory_that_is_used_again_is_not_taken_for_spikes() -> None:
    weight = torch.ones(7, requires_grad=True)
    with fired_again():
        for _ in range(20):
            x = torch.randn(3, 7, requires_grad=True)
            LIF().over(x)  # freed at once
            gc.collect()
            other = torch.full((3, 7), 3.0)
            (weight * other).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [20 * 3 * 3.0] * 7


def test_places_of_a_maximum_are_kept_in_few_bytes() -> None:
    x = torch.randn(8, 4, 16, 16, requires_grad=True)
    pooled, kept = kept_bytes(lambda: F.max_pool2d(x, 2), x)
    assert kept == pooled.numel()  # of 256 places: a byte each
    (grad,) = torch.autograd.grad(pooled.square().sum(), x)
    (plain,) = torch.autograd.grad(F.max_pool2d(x, 2).square().sum(), x)
    assert torch.equal(grad, plain)


def test_nothing_is_noted_outside_or_without_gradient() -> None:
    x = torch.randn(3, 7)
    LIF().over(x.requires_grad_())
    assert recall._known.get() is None
    with fired_again(), torch.no_grad():
        LIF().over(x)
        assert recall._known.get() == {}
