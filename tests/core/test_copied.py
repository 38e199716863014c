"""A copy of a network that keeps what it has computed."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from spikedistill.core.copied import copied


def test_weights_that_a_hook_computes_are_copied_with_their_values() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 4)), nn.ReLU())
    inputs = torch.rand(2, 3)
    wanted = network(inputs)
    kept = network[0].weight
    copy = copied(network)
    assert network[0].weight is kept and kept.grad_fn is not None
    assert torch.equal(copy(inputs), wanted)
    copy(inputs).sum().backward()
    assert copy[0].weight_g.grad is not None and network[0].weight_g.grad is None


def test_results_that_are_kept_in_a_list_are_not_copied() -> None:
    network = nn.Linear(3, 4)
    network.kept = [network(torch.rand(2, 3))]
    with pytest.raises(RuntimeError, match="deepcopy"):
        copied(network)
