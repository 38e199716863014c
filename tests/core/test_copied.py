"""A copy of a network that keeps what it has computed."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from spikedistill.core.copied import copied
from spikedistill.core.errors import SpikedistillError


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


def inside(**kept: Any) -> nn.Module:
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    for name, value in kept.items():
        setattr(network[0], name, value)
    return network


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: inside(kept=[nn.Linear(3, 4)(torch.rand(2, 3))]),
            r"of 0.kept \(a list\) there is no copy; it is a result .* as value.detach\(\)",
        ),
        (lambda: inside(lock=threading.Lock()), r"of 0.lock \(a _thread.lock\).*make it where it"),
        (lambda: inside(rows=(row for row in "abc")), r"of 0.rows \(a generator\)"),
    ],
)
def test_what_cannot_be_copied_is_named(make: Callable[[], nn.Module], sentence: str) -> None:
    network = make()
    with pytest.raises(
        SpikedistillError, match=rf"the teacher \(Sequential\) cannot .* {sentence}"
    ):
        copied(network, "teacher")


def test_who_keeps_a_norm_in_the_older_way_hears_of_the_newer() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 4)))
    network[0].kept = [network(torch.rand(2, 3))]
    with pytest.raises(
        SpikedistillError, match=r"of 0.kept .*remove_weight_norm, or use the newer"
    ):
        copied(network)


def test_the_parameters_of_a_script_can_learn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = copied(torch.jit.script(nn.Linear(3, 4)))
    assert all(one.is_leaf and one.requires_grad for one in made.parameters())
