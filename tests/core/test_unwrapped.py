"""Networks are taken out of what only runs them otherwise."""

from __future__ import annotations

import torch
from torch import nn

from spikedistill.core.unwrapped import unwrapped


def test_compiled_and_parallel_networks_are_unwrapped_at_any_depth() -> None:
    network = nn.Sequential(nn.Linear(3, 4))
    assert unwrapped(network) is network
    assert unwrapped(nn.DataParallel(network)) is network
    assert unwrapped(torch.compile(network)) is network
    assert unwrapped(torch.compile(nn.DataParallel(network))) is network


def test_networks_that_hold_another_one_stay() -> None:
    holder = torch.optim.swa_utils.AveragedModel(nn.Linear(3, 4))
    assert unwrapped(holder) is holder
    script = torch.jit.trace(nn.Linear(3, 4), torch.rand(2, 3))
    assert unwrapped(script) is script
