from __future__ import annotations

from collections import Counter

import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.planning.devices import DEVICES, Assumed, device
from spikedistill.planning.follower import Follower, Operation
from spikedistill.planning.work import Memory, Update, Work

H200 = Assumed(device("h200"))


def product(dtype: torch.dtype, times: int = 1) -> Operation:
    follower = Follower()
    x, y = (torch.ones(n, m, dtype=dtype) for n, m in ((256 * times, 512), (512, 128)))
    with follower:
        torch.mm(x, y)
    (found,) = (op for op in follower.operations if op.call.kind == "multiply")
    return found


def test_an_operation_takes_the_longer_of_its_work_and_its_bytes() -> None:
    # 256 x 512 x 128 multiply-adds and 2 (256 x 512 + 512 x 128 + 256 x 128) bytes
    narrow, wide = product(torch.bfloat16), product(torch.float32)
    assert (narrow.macs, narrow.bytes) == (16_777_216, 458_752)
    assert H200.operation(narrow) == pytest.approx(458_752 / (0.7 * 4.8e12))
    assert H200.operation(wide) == pytest.approx(2 * 16_777_216 / (0.4 * 67e12))
    slow = Assumed(device("a100"))
    assert slow.operation(narrow) == pytest.approx(458_752 / (0.7 * 2.039e12))


def test_a_step_is_its_operations_and_the_bytes_of_the_update() -> None:
    narrow = product(torch.bfloat16)
    done = Work(Counter({narrow: 3}), {}, Update(bytes=4000, calls=4), Memory(0, 0, 0, 0, 0, 0, 0))
    assert H200.step(done) == 3 * 10e-6  # so little work that it waits for Python
    large = Work({product(torch.float32, 64): 3}, {}, done.update, done.memory)
    (operation,) = large.operations
    expected = 3 * H200.operation(operation) + 4000 / (0.7 * 4.8e12)
    assert 3 * 10e-6 < expected == pytest.approx(H200.step(large))
    assert H200.bandwidth == pytest.approx(3.36e12)


def test_the_data_sheets() -> None:
    assert set(DEVICES) == {"h200", "h100", "a100"}
    for one in DEVICES.values():
        assert one.bf16 > one.fp32 > 1e13 and one.bandwidth > 1e12 and one.memory >= 80e9


def test_a_device_that_is_not_in_the_table() -> None:
    with pytest.raises(SpikedistillError, match=r"'h20' is here; did you mean 'h200'"):
        device("h20")
