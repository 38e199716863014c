"""channels_last from the image to the pooled features: no forward pass turns a map around.

A convolution that gets its input in another order than its weight copies it first, several times
as long as the neuron beside it takes; nothing but the clock would show it.
"""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from spikedistill import models
from spikedistill.core.normalized import Normalized
from spikedistill.core.over_time import first_layers, run_folded
from spikedistill.neurons.lif import LIF
from spikedistill.neurons.plif import PLIF

aten = torch.ops.aten
COPIES = (aten.clone.default, aten._to_copy.default, aten.copy_.default)
CONVOLUTIONS = (aten.convolution.default, aten.mkldnn_convolution.default)


def order(tensor: Tensor) -> tuple[int, ...]:
    """The dimensions as they lie in memory, widest first; those of size 1 lie anywhere.

    One that is only repeated (stride 0) counts as the widest, where a copy will put it.
    """
    real = [i for i in range(tensor.dim()) if tensor.shape[i] > 1]
    return tuple(sorted(real, key=lambda i: -(tensor.stride(i) or tensor.numel())))


def in_channels_last(tensor: Tensor) -> bool:
    return tensor.is_contiguous(memory_format=torch.channels_last)


class Layout(TorchDispatchMode):
    """Notes every copy that changes the order in memory, and convolutions in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.convolutions = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in COPIES:
            before, after = (args[1], args[0]) if func is aten.copy_.default else (args[0], result)
            if before.dim() > 2 and order(before) != order(after):
                self.faults.append(f"{func} of {tuple(before.shape)}: {before.stride()} to "
                                   f"{after.stride()}")  # fmt: skip
        if func in CONVOLUTIONS:
            self.convolutions += 1
            for what, tensor in (("input", args[0]), ("weight", args[1]), ("output", result)):
                if not in_channels_last(tensor):
                    self.faults.append(f"{func} has an {what} {tuple(tensor.shape)} with strides "
                                       f"{tensor.stride()}")  # fmt: skip
        return result


def seen(network: nn.Module, timesteps: int, dtype: torch.dtype, training: bool) -> Layout:
    network = network.to(memory_format=torch.channels_last).train(training)
    first = first_layers(network)
    images = torch.rand(4, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    with (
        Layout() as layout,
        torch.autocast("cpu", torch.bfloat16, enabled=dtype is not torch.float32),
    ):
        run_folded(network, images.unsqueeze(0), timesteps, first)
    return layout


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize(
    "name",
    ["resnet18", "resnet19", "resnet20m", "vgg11", "vgg16", "cifar_resnet20", "wrn16_2",
     "pyramidnet20", "bottleneck211"],
)  # fmt: skip
def test_no_forward_pass_turns_a_map_around(name, dtype, training):
    network = models.build(name, LIF(v_threshold=0.5), width=0.125)
    network = Normalized(network, (0.5, 0.4, 0.3), (0.2, 0.2, 0.2))
    layout = seen(network, 3, dtype, training)
    assert layout.convolutions == sum(isinstance(m, nn.Conv2d) for m in network.modules())
    assert layout.faults == []


def test_a_classifier_on_a_grid_flattens_it_and_that_is_the_only_copy():
    layout = seen(models.build("vgg9", LIF(v_threshold=0.5), width=0.125), 3, torch.float32, True)
    assert len(layout.faults) == 1 and "(12, 32, 4, 4)" in layout.faults[0]


@pytest.mark.parametrize("neuron", [LIF(), PLIF()], ids=["LIF", "PLIF"])
def test_a_foreign_stem_that_runs_every_step_is_not_turned_around(neuron):
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), neuron, nn.Conv2d(4, 4, 3))
    network = network.to(memory_format=torch.channels_last)
    images = torch.rand(4, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    with Layout() as layout:
        run_folded(network, images.unsqueeze(0), 3)  # first=(): the image is repeated
    assert layout.convolutions == 2
    assert layout.faults == []


def test_a_network_in_another_order_is_noticed():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), LIF(), nn.Conv2d(4, 4, 3))
    images = torch.rand(4, 3, 8, 8)
    with Layout() as layout:
        network(images)
        images.contiguous(memory_format=torch.channels_last)
    assert any("convolution" in fault and "input" in fault for fault in layout.faults)
    assert any("clone" in fault for fault in layout.faults)
