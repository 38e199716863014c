from __future__ import annotations

from collections import Counter

import pytest
import torch

from spikedistill.planning.ceilings import Ceilings
from spikedistill.planning.follower import Call, Follower, Operation
from spikedistill.planning.work import Memory, Update, Work

CPU = torch.device("cpu")


class Given(Ceilings):
    """Ceilings of a machine that is known to the digit."""

    overhead = (1e-6, 3e-6)  # type: ignore[assignment]
    _curve = ((1000, 1e-6), (2000, 2e-6), (4000, 6e-6))  # type: ignore[assignment]

    def _measured(self, call: Call, operation: Operation) -> float:
        return 1.0


def work_of(operations: dict[Operation, int], update: Update | None = None) -> Work:
    memory = Memory(0, 0, 0, 0, 0, 0, 0)
    return Work(Counter(operations), {}, update or Update(0, 0), memory)


def pointwise(moved: int, backward: bool = False) -> Operation:
    call = Call.of(torch.add, ((), {}), "pass", pointwise=True)
    return Operation("role student", backward, 0, moved, call)


@pytest.mark.parametrize(
    ("moved", "seconds"),
    [(10, 1e-6), (1000, 1e-6), (1500, 1.5e-6), (3000, 4e-6), (8000, 14e-6)],
)
def test_a_pass_lies_on_the_measured_curve(moved: int, seconds: float) -> None:
    assert Given(CPU, 4).passing(moved) == pytest.approx(seconds)


def test_a_step_is_the_sum_of_its_operations_and_the_update() -> None:
    norm = Operation("s", True, 0, 7, Call.of(torch.sum, ((), {}), "norm"))
    view = Operation("s", False, 0, 0, Call.of(torch.t, ((), {}), "free"))
    done = work_of(
        {pointwise(2000): 3, norm: 2, view: 5}, Update(bytes=4 * 1000, calls=4)
    )  # fmt: skip
    operations = 3 * (1e-6 + 2e-6) + 2 * (3e-6 + 1.0) + 5 * 1e-6
    assert Given(CPU, 4).step(done) == pytest.approx(operations + 4 * (1e-6 + 1e-6))
    assert Given(CPU, 4).step(work_of({})) == pytest.approx(2e-6)  # at least one call


def test_equal_operations_are_measured_once() -> None:
    made = []

    class Counting(Ceilings):
        overhead = (0.0, 0.0)  # type: ignore[assignment]

        def _measured(self, call: Call, operation: Operation) -> float:
            made.append(call)
            return 0.5

    follower, ceilings = Follower(), Counting(CPU, 4)
    with follower:
        for _ in range(3):
            torch.rand(4, 5) @ torch.rand(5, 6)
    products = [op for op in follower.operations if op.call.kind == "multiply"]
    assert [follower.operations[op] for op in products] == [3]
    assert ceilings.operation(products[0]) == ceilings.operation(products[0]) == 0.5
    assert len(made) == 1


def test_more_work_takes_longer() -> None:
    follower, ceilings = Follower(), Ceilings(CPU, 2**16)
    x = torch.rand(2, 16, 8, 8)
    with follower:
        for images in (x, x.repeat(64, 1, 1, 1)):
            torch.nn.functional.conv2d(images, torch.ones(32, 16, 3, 3))
    small, large = sorted(
        (op for op in follower.operations if op.macs), key=lambda op: op.macs
    )  # fmt: skip
    assert large.macs == 64 * small.macs
    assert ceilings.operation(large) > 4 * ceilings.operation(small) > 0
    assert ceilings.passing(3 * 2**24) > 4 * ceilings.passing(3 * 2**18) > 0
    assert not ceilings.guessed


def test_what_cannot_be_made_again_counts_by_its_bytes() -> None:
    def fussy() -> None:
        raise RuntimeError("other values, please")

    ceilings = Ceilings(CPU, 4)
    ceilings._curve = [(1000, 1e-6), (2000, 2e-6)]
    ceilings.overhead = (0.0, 0.0)
    operation = Operation("s", False, 0, 1500, Call.of(fussy, ((), {}), "pass"))
    assert ceilings.operation(operation) == pytest.approx(1.5e-6)
    assert len(ceilings.guessed) == 1
