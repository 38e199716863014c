"""Modules in containers of Python are found, and whether they run."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spikedistill.core.unregistered import calls, replace_unregistered, unregistered


class Holder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.known = nn.Linear(3, 3)
        self.blocks = [self.known, nn.Linear(3, 3)]
        self.parts = {"stem": (nn.ReLU(), 4), "name": "x"}
        self.inner = nn.Module()
        self.inner.aside = [nn.Tanh()]

    def forward(self, x: Tensor) -> Tensor:
        return self.parts["stem"][0](self.blocks[1](self.known(x)))


def test_what_is_registered_under_no_name_is_found() -> None:
    kinds = {place: type(one).__name__ for place, one in unregistered(Holder()).items()}
    assert kinds == {"blocks[1]": "Linear", "parts['stem'][0]": "ReLU", "inner.aside[0]": "Tanh"}
    assert unregistered(nn.Sequential(nn.Linear(2, 2), nn.ModuleList([nn.ReLU()]))) == {}


def test_which_of_them_run_is_seen() -> None:
    network = Holder()
    hidden = unregistered(network)
    with calls(hidden) as called:
        network(torch.rand(2, 3))
    assert called == ["blocks[1]", "parts['stem'][0]"]
    assert not any(module._forward_pre_hooks for module in hidden.values())


def test_what_stands_in_containers_is_replaced() -> None:
    network, new = Holder(), nn.Linear(3, 3)
    parts, old = network.parts, network.known
    replace_unregistered(network, {id(old): new})
    assert network.blocks[0] is new and network.known is old and network.parts is parts


@pytest.mark.filterwarnings("ignore")
def test_a_script_keeps_nothing_out_of_sight_and_takes_no_hooks() -> None:
    inner = nn.Linear(2, 3)
    script = torch.jit.trace(inner, torch.rand(1, 2))
    assert unregistered(script) == {}
    with calls({"script": script, "inner": inner}) as called:
        script(torch.rand(1, 2)), inner(torch.rand(1, 2))
    assert called == ["inner"]
