"""Sums over an epoch, read at once or later."""

import pytest
import torch

from spikedistill.core.trace import Batch
from spikedistill.training import meter
from spikedistill.training.meter import Fault, Meter

CPU = torch.device("cpu")
GOOD, BAD = torch.tensor(1.0), torch.tensor(float("nan"))


def note(taker: Meter, step: int, targets: torch.Tensor, outputs=None, total=GOOD, **parts) -> None:
    batch = Batch(torch.zeros(len(targets), 1), targets)
    outputs = torch.eye(3).expand(2, 3, 3)[:, : len(targets)] if outputs is None else outputs
    taker.note((4, step), batch, total, parts, outputs)


def test_means_weigh_batches_by_their_size():
    sums: dict[str, float] = {}
    taker = Meter(CPU)
    note(taker, 0, torch.tensor([0, 1, 0]), ce=torch.tensor(1.0))
    note(taker, 1, torch.tensor([0]), ce=torch.tensor(5.0))
    assert taker.read(sums) is None
    assert meter.losses(sums) == {"ce": 2.0}
    assert meter.accuracy(sums) == pytest.approx(75.0)


def test_soft_targets_count_by_their_largest_class():
    sums: dict[str, float] = {}
    taker = Meter(CPU)
    soft = torch.tensor([[0.1, 0.9], [0.8, 0.2]])
    note(taker, 0, soft, torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]))
    taker.read(sums)
    assert meter.accuracy(sums) == pytest.approx(50.0)


def test_where_every_position_has_a_target_those_that_the_mask_keeps_count():
    sums: dict[str, float] = {}
    taker = Meter(CPU)
    targets = torch.tensor([[0, 1, 1], [1, 0, 0]])
    outputs = torch.eye(2)[torch.tensor([[0, 0, 1], [1, 1, 1]])].expand(2, 2, 3, 2)
    mask = torch.tensor([[1, 1, 1], [1, 0, 0]]).bool()
    for kept in (None, mask):
        batch = Batch(torch.zeros(2, 3, 1), targets, mask=kept)
        taker.note((0, 0), batch, GOOD, {"ce": GOOD}, outputs)
        taker.read(sums)
    # right are 3 of 6, then 3 of the 4 that are there
    assert (sums["samples"], sums["answers"]) == (4, 10)
    assert sums["hits"] == pytest.approx(6)
    assert meter.accuracy(sums) == pytest.approx(60.0)


def test_targets_that_are_no_classes_of_the_outputs_have_no_accuracy():
    sums: dict[str, float] = {}
    taker = Meter(CPU)
    numbers, several = torch.rand(3, 4), {"a": torch.tensor([0, 1, 2])}
    for targets in (numbers, several):
        batch = Batch(torch.zeros(3, 1), targets)
        taker.note((0, 0), batch, GOOD, {"ce": GOOD}, torch.eye(3).expand(2, 3, 3))
    taker.read(sums)
    assert sums == {"samples": 6.0, "loss.ce": 6.0} and meter.accuracy(sums) is None


def test_reading_late_gives_the_same_sums_to_the_last_bit():
    found = []
    for late in (False, True):
        sums: dict[str, float] = {}
        taker = Meter(CPU)
        generator = torch.Generator().manual_seed(0)
        for step in range(20):
            loss = torch.rand((), generator=generator)
            note(taker, step, torch.tensor([0, 2]), ce=loss, kd=loss.bfloat16() * 3)
            if not late:
                taker.read(sums)
        taker.read(sums)
        found.append(sums)
    assert found[0] == found[1]


def test_nothing_read_twice():
    sums: dict[str, float] = {}
    taker = Meter(CPU)
    note(taker, 0, torch.tensor([0]), ce=GOOD)
    taker.read(sums)
    taker.read(sums)
    assert sums == {"samples": 1.0, "loss.ce": 1.0, "hits": 1.0, "answers": 1.0}


def test_the_first_fault_is_named_with_its_place():
    taker = Meter(CPU)
    note(taker, 7, torch.tensor([0]), ce=GOOD)
    note(taker, 8, torch.tensor([0]), total=BAD, ce=GOOD, sastc=BAD)
    note(taker, 9, torch.tensor([0]), total=BAD, ce=BAD)
    sums: dict[str, float] = {}
    assert taker.read(sums) == Fault(4, 8, "the term 'sastc' became nan")
    assert sums["samples"] == 1
    note(taker, 0, torch.tensor([0]), total=torch.tensor(torch.inf), ce=GOOD)
    assert taker.read({}) == Fault(4, 0, "the weighted sum of all terms became inf")


def test_a_cpu_is_read_after_each_step_and_a_gpu_now_and_then():
    assert Meter(CPU).due
    assert not Meter(torch.device("cuda")).due
    assert Meter(torch.device("cuda"), every=0.0).due
