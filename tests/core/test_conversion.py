"""What a conversion is given."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spikedistill.core.conversion import Conversion, Material


class Same(Conversion):
    def __call__(self, material: Material) -> nn.Module:
        return material.source


def test_material_says_what_is_not_there() -> None:
    source = nn.Linear(2, 2)
    material = Material(source, torch.zeros(2, 2))
    assert list(material.batches()) == []
    assert (material.target, material.timesteps, material.trained) == (None, 1, True)
    assert Same()(material) is source


def test_a_conversion_makes_a_network_and_says_what_it_needs() -> None:
    assert (Same.takes_target, Same.reference) == (False, None)
    with pytest.raises(TypeError):
        Conversion()  # type: ignore[abstract]
