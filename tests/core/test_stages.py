"""Stages that are found in networks of any style, the same for an ANN and its spiking twin."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikedistill.conversion.twin import spiking_twin
from spikedistill.core import stages
from spikedistill.core.normalized import Normalized
from spikedistill.core.stages import default_stages, expose_calls, find_stages
from spikedistill.neurons.lif import LIF
from spikedistill.taps import Tapped, usable_taps

IMAGES = torch.rand(2, 3, 16, 16)


def conv(into: int, out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(into, out, 3, stride, 1), nn.BatchNorm2d(out), nn.ReLU())


class Head(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.out = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(x.mean((2, 3)))


class Block(nn.Module):
    """A residual block whose own activation is a function."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.first, self.second = conv(into, out, stride), nn.Conv2d(out, out, 3, 1, 1)
        self.skip = nn.Conv2d(into, out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(self.first(x)) + self.skip(x))


class Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 4)
        self.layer1, self.layer2, self.layer3 = Block(4, 4, 1), Block(4, 8, 2), Block(8, 8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer3(self.layer2(self.layer1(self.stem(x))))


class Both(nn.Module):
    """Backbone and head, and features beside the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.head = Backbone(), Head()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.backbone(x)
        return self.head(maps), maps


class Passes(nn.Module):
    """Only passes its input on."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.inner = module

    def forward(self, x: Tensor) -> Tensor:
        return self.inner((x - 0.5) / 0.25)


class Flat(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.f = nn.Conv2d(3, 8, 3, 1, 1), nn.Conv2d(8, 8, 3, 2, 1), Head()

    def forward(self, x: Tensor) -> Tensor:
        return self.f(F.relu(self.b(F.relu(self.a(x)))))


class Body(nn.Module):
    """Everything behind the stem in one module."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.body, self.head = conv(3, 4), nn.Module(), Head()
        self.body = Behind()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(self.stem(x)))


class Behind(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Block(4, 8, 2), Block(8, 8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


THREE = {"stage1": "layer1", "stage2": "layer2", "stage3": "layer3"}


def within(place: str) -> dict[str, str]:
    return {name: f"{place}.{path}" for name, path in THREE.items()}


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: nn.Sequential(Backbone(), Head()), within("0")),
        (Both, within("backbone")),
        (lambda: Normalized(Both(), [0.5] * 3, [0.5] * 3), within("network.backbone")),
        (lambda: nn.DataParallel(Passes(Both())), within("module.inner.backbone")),
        (lambda: Passes(Passes(nn.Sequential(Backbone(), Head()))), within("inner.inner.0")),
        (Flat, {"stage1": "neuron1", "stage2": "neuron2"}),
        (lambda: Passes(Flat()), {"stage1": "inner.neuron1", "stage2": "inner.neuron2"}),
        (Body, {"stage1": "stem", "stage2": "body.first", "stage3": "body.second"}),
        (
            lambda: nn.Sequential(conv(3, 8), conv(8, 8, 2), nn.Conv2d(8, 10, 1), nn.ReLU(),
                                  nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            {"stage1": "0", "stage2": "1"},
        ),
        (
            lambda: nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.Hardswish(), conv(8, 8, 2),
                                  conv(8, 8, 2), Head()),
            {"stage1": "2", "stage2": "3"},
        ),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(768, 9), nn.ReLU(), nn.Linear(9, 10)), {}),
    ],
    ids=["backbone+head", "tuple", "normalised", "data-parallel", "twice", "functional",
         "functional-inside", "body", "class-maps", "real-first", "vectors"],
)  # fmt: skip
def test_stages_behind_whatever_stands_around(
    make: Callable[[], nn.Module], wanted: dict[str, str]
) -> None:
    network = make()
    assert default_stages(network, IMAGES) == wanted
    twin = spiking_twin(network, LIF())
    inside = {name: path.removeprefix("module.") for name, path in wanted.items()}
    assert default_stages(twin, IMAGES, 2) == inside  # a twin is one of the network proper
    if not wanted:
        return
    # they work: each shows T maps of the twin, and one of the network
    assert find_stages(network, IMAGES) == wanted
    for one, places, steps in ((network, wanted, 1), (twin, inside, 2)):
        _, taps = Tapped(one, places, places)(IMAGES.unsqueeze(0), steps)
        assert all(value.shape[:2] == (steps, 2) and value.ndim == 5 for value in taps.values())


def test_default_stages_of_a_plain_network_are_the_activations_before_each_drop() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.Flatten(),
        nn.Linear(128, 10),
    )  # fmt: skip
    assert default_stages(network, torch.rand(2, 1, 8, 8)) == {"stage1": "3", "stage2": "6"}


def test_default_stages_of_a_functional_residual_network_are_its_blocks() -> None:
    class Bottleneck(nn.Module):
        def __init__(self, stride: int) -> None:
            super().__init__()
            self.squeeze = nn.Sequential(nn.Conv2d(4, 2, 1), nn.ReLU())  # still at the old size
            self.spread = nn.Conv2d(2, 4, 3, stride, 1)
            self.skip = nn.AvgPool2d(stride)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.relu(self.spread(self.squeeze(x)) + self.skip(x))

    network = nn.Sequential()
    network.add_module("layer1", nn.Sequential(Bottleneck(1), Bottleneck(1)))
    network.add_module("layer2", nn.Sequential(Bottleneck(2), Bottleneck(1)))
    stages = default_stages(network, torch.rand(2, 4, 8, 8))
    assert stages == {"stage1": "layer1", "stage2": "layer2"}


def test_finding_stages_in_place_changes_no_value_and_no_name() -> None:
    network = Flat().eval()
    before, outputs = copy.deepcopy(network.state_dict()), network(IMAGES)
    find_stages(network, IMAGES)
    assert torch.equal(network(IMAGES), outputs)
    assert list(network.state_dict()) == list(before)


def test_what_a_network_was_exposed_as_is_found_without_a_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Flat()
    expose_calls(network)
    found = default_stages(network, IMAGES)

    def no_copy(_network: nn.Module) -> nn.Module:
        raise AssertionError("it was copied again")

    monkeypatch.setattr(stages, "copied", no_copy)
    expose_calls(network)
    assert default_stages(network, IMAGES) == found == {"stage1": "neuron1", "stage2": "neuron2"}


def test_looking_for_stages_leaves_the_network_as_it_is() -> None:
    network = Flat()
    paths = [path for path, _ in network.named_modules()]
    default_stages(network, IMAGES)
    assert [path for path, _ in network.named_modules()] == paths
    assert network.training and not network.a._forward_hooks


def test_calls_that_share_what_they_learn_are_not_taken_apart() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.act, self.f = *Flat().children(), nn.PReLU()
            self.act, self.f = self.f, self.act

        def forward(self, x: Tensor) -> Tensor:
            return self.f(self.act(self.b(self.act(self.a(x)))))

    network = Shared()
    assert find_stages(network, IMAGES) == {}
    assert [path for path, _ in network.named_modules() if "act" in path] == ["act"]


class Clip(torch.autograd.Function):
    """A quantised clip with a gradient of its own."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return (x.clamp(0, 1) * 4).round() / 4

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:
        return grad


class Clipped(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return Clip.apply(x)


class ByHand(nn.Module):
    """Activations that only their values give away."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.clip = nn.Conv2d(3, 8, 3, 1, 1), Clipped()
        self.two, self.head = nn.Conv2d(8, 8, 3, 2, 1), Head()
        self.floor = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.maximum(self.two(self.clip(self.one(x))), self.floor))


def test_stages_of_activations_written_by_hand_are_those_of_the_twin() -> None:
    network, twin = ByHand(), spiking_twin(ByHand(), LIF())
    expected = {"stage1": "clip", "stage2": "neuron1"}
    assert default_stages(network, IMAGES) == default_stages(twin, IMAGES) == expected
    before = network(IMAGES), list(network.state_dict())
    assert find_stages(network, IMAGES) == expected
    assert torch.equal(network(IMAGES), before[0]) and list(network.state_dict()) == before[1]


def test_a_script_module_on_the_way_is_no_stage() -> None:
    block = torch.jit.script(nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU()))
    assert default_stages(nn.Sequential(block, conv(8, 8, 2), Head()), IMAGES) == {"stage1": "1"}


def test_a_network_that_is_run_twice_to_find_its_order_of_memory_has_its_stages() -> None:
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.act1 = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()
            self.conv2, self.act2 = nn.Conv2d(4, 4, 3, 2, 1), nn.ReLU()
            self.head = nn.Linear(64, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.act2(self.conv2(self.act1(self.conv1(x))))
            return self.head(x.view(x.size(0), -1))

    images = torch.rand(2, 3, 8, 8)
    assert default_stages(Views(), images) == {"stage1": "act1", "stage2": "act2"}
    assert "activation2" in usable_taps(Views(), images)


class Recycles(nn.Module):
    """Its output lies where the output of its activation lay, and is another map."""

    def __init__(self) -> None:
        super().__init__()
        self.act, self.conv = nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(x)
        place, doubled = x.data_ptr(), 2 * x
        del x
        out, others = doubled + 1, []
        while out.data_ptr() != place and len(others) < 100:
            others.append(out)
            out = doubled + 1
        return out


def test_memory_that_is_used_again_does_not_make_two_maps_one() -> None:
    for size in (8, 16, 24, 32, 48, 64) * 2:  # memory is used again at some of them
        network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), Recycles())
        assert default_stages(network, torch.rand(2, 3, size, size)) == {"stage1": "1"}
