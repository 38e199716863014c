"""A user's network at the door: unwrapped, looked at, copied."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.received import received


def test_it_is_a_copy_of_what_is_inside(caplog: pytest.LogCaptureFixture) -> None:
    network = nn.Linear(3, 4)
    made = received(nn.DataParallel(network), "teacher")
    assert type(made) is nn.Linear and made is not network
    assert torch.equal(made.weight, network.weight)
    assert caplog.messages == [
        "the teacher comes as DataParallel; the Linear inside of it is taken"
    ]


def test_what_is_not_made_yet_is_refused() -> None:
    with pytest.raises(SpikedistillError, match="without a size"):
        received(nn.DataParallel(nn.LazyLinear(4)))
