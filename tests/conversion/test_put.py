"""Neurons stand wherever a network looks for its activations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikedistill.conversion.twin import spiking_twin
from spikedistill.neurons.lif import LIF


def fire_at(twin: nn.Module) -> list[str]:
    return [path for path, module in twin.named_modules() if isinstance(module, LIF)]


class Listed(nn.Module):
    """Calls its layers from a list, in which they stand beside their names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act, self.head = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, 5)
        self.order = [self.conv, {"act": self.act}["act"]]

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.order:
            x = layer(x)
        return self.head(x.mean((2, 3)))


def test_neurons_stand_in_lists_too() -> None:
    network, images = Listed(), torch.rand(2, 3, 8, 8)
    twin = spiking_twin(network, LIF())
    assert twin.order[1] is twin.act and isinstance(twin.act, LIF)
    assert isinstance(network.order[1], nn.ReLU)
    assert not torch.equal(twin(images), network(images))


@pytest.mark.parametrize("activation", ["relu", nn.ReLU(), torch.relu])
def test_encoder_layers_of_torch_compute_with_neurons(activation: Any) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, activation, batch_first=True)
    network = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    tokens = torch.rand(2, 5, 8)
    twin = spiking_twin(network, LIF()).eval()
    assert fire_at(twin) == ["layers.0.activation", "layers.1.activation"]
    with torch.no_grad():  # where torch would take its own short cut
        answer = twin(tokens)
    assert torch.allclose(answer, twin(tokens), atol=1e-6)
    assert not torch.allclose(answer, network.eval()(tokens), atol=1e-3)


def test_a_network_with_the_older_weight_norm_has_a_twin() -> None:
    network = nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 4)), nn.ReLU(), nn.Linear(4, 2))
    network(torch.rand(2, 3))
    assert fire_at(spiking_twin(network, LIF())) == ["1"]
