"""Layers of one's own that are counted."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikedistill.core.products import Counts, ProductLayer


class Plain(ProductLayer):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T


def test_a_layer_that_says_nothing_is_counted_by_its_weight() -> None:
    layer = Plain()
    inputs = torch.zeros(2, 3)
    assert layer.counts((inputs,), layer(inputs)) is None


def test_counts_are_products_and_the_accumulations_of_spikes() -> None:
    assert Counts(7) == (7, 0) == Counts(products=7, accumulations=0)
