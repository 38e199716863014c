from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.objective import Objective, Role, Term
from spikedistill.core.trace import Batch, Trace
from spikedistill.functional import recall
from spikedistill.functional.compiled import compiling
from spikedistill.functional.recall import fired_again
from spikedistill.methods.cross_entropy import CrossEntropy
from spikedistill.methods.logit_kd import LogitKD
from spikedistill.neurons.lif import LIF
from spikedistill.planning.work import Work, emptied, imitation, on_paper, work
from spikedistill.training.distiller import Distiller, describe
from spikedistill.training.settings import Settings

B, T = 2, 2
FP32 = torch.float32


def student() -> nn.Module:
    """Stem 3 -> 4 channels, then 4 -> 5, on 4 x 4; 80 features, 3 classes."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        LIF(),
        nn.Conv2d(4, 5, 3, padding=1, bias=False),
        LIF(),
        nn.Flatten(),
        nn.Linear(80, 3),
    )


def teacher() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(96, 3))


STEM, CONV, HEAD = 16 * 4 * 27, 16 * 5 * 36, 80 * 3  # multiply-adds of an image


def built(networks: list[nn.Module], images: Tensor, loss: Any = CrossEntropy) -> Distiller:
    roles = {"student": Role(networks[0], T, trainable=True)}
    if len(networks) > 1:
        roles["teacher"] = Role(networks[1])
    specs = {name: describe(name, role, images) for name, role in roles.items()}
    terms = [Term("loss", loss(specs["student"]))]
    if len(networks) > 1:
        terms.append(Term("kd", LogitKD(specs["student"], specs["teacher"])))
    return Distiller(roles, Objective(terms))


def on_paper_work(networks: list[nn.Module], compiled: bool = True, **options: Any) -> Work:
    loss = options.pop("loss", CrossEntropy)
    settings = Settings(**options)
    with on_paper(), compiling(False):
        images = torch.zeros(B, 3, 4, 4).contiguous(memory_format=torch.channels_last)
        distiller = built([imitation(network) for network in networks], images, loss)
        emptied(distiller)
        batch = Batch(images, torch.zeros(B, dtype=torch.int64))
        return work(distiller, batch, settings, FP32, compiled)


def test_multiply_adds_of_a_step_by_hand() -> None:
    done = on_paper_work([student()])
    # the stem once for both steps; its input needs no gradient
    assert done.macs("role student", backward=False) == B * STEM + T * B * (CONV + HEAD)
    assert done.macs("role student", backward=True) == B * STEM + 2 * T * B * (CONV + HEAD)
    assert done.macs() == done.macs("role student")


def test_a_teacher_runs_forward_only_and_keeps_nothing() -> None:
    done = on_paper_work([student(), teacher()])
    assert done.macs("role teacher") == B * (16 * 6 * 27 + 96 * 3)
    assert not list(done.select("role teacher", backward=True))
    assert "role teacher" not in done.kept


def test_what_is_kept_by_hand() -> None:
    done = on_paper_work([student()], checkpoint="off")
    currents = 4 * B * 64 + 4 * T * B * 80  # the first layer's has one step
    spikes, features = 4 * T * B * 64, 4 * T * B * 80  # what the convolution and the head read
    state = 2 * 4  # the potential at rest of each layer, one number that is expanded
    assert done.kept["role student"] == currents + spikes + features + state
    again = on_paper_work([student()])  # the head reads a copy of its spikes, in another order
    assert again.kept["role student"] == currents + features + state
    loops = {
        name: sum(count for _, count in found.select(backward=True, kind="neuron"))
        for name, found in (("kept", done), ("again", again))
    }
    assert loops == {"kept": 2, "again": 3}


def test_paper_and_reality_keep_the_same() -> None:
    _compare(compiled=False)


@pytest.mark.compiled
def test_paper_and_compiled_reality_keep_the_same() -> None:
    _compare(compiled=True)


def _compare(compiled: bool) -> None:
    networks = [student(), teacher()]
    paper = on_paper_work(networks, compiled)
    images = torch.rand(B, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    distiller = built(networks, images).to(memory_format=torch.channels_last)
    there = [*distiller.parameters(), *distiller.buffers(), images]
    known, kept = {x.untyped_storage().data_ptr() for x in there}, {}

    def pack(tensor: Tensor) -> recall.Packed:
        packed, storage = recall.pack(tensor), tensor.untyped_storage()
        if packed is tensor and storage.data_ptr() not in known:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return packed

    with compiling(compiled), fired_again(), saved_tensors_hooks(pack, recall.unpack):
        distiller(Batch(images, torch.zeros(B, dtype=torch.int64)))
    assert paper.memory.kept == sum(size for size, _ in kept.values())


def test_memory_by_hand() -> None:
    network = student()
    learned = sum(parameter.numel() for parameter in network.parameters())
    assert learned == 4 * 27 + 5 * 36 + 80 * 3 + 3
    memory = on_paper_work([network]).memory
    assert (memory.weights, memory.gradients, memory.optimizer) == (4 * learned,) * 3
    assert memory.batch == 4 * B * 48 and memory.average == 0
    assert memory.total == sum(value for value in vars(memory).values())
    twice = on_paper_work([network], optimizer="adamw", ema=0.9).memory
    assert twice.optimizer == 8 * learned and twice.average == 4 * learned


@pytest.mark.parametrize(
    ("options", "passes"),
    [
        ({}, 3 + 3 + 5),
        ({"weight_decay": 0.0, "momentum": 0.0}, 3),
        ({"nesterov": True, "clip": 1.0, "ema": 0.9}, 3 + 3 + 5 + 3 + 3 + 3),
        ({"optimizer": "adamw"}, 20),
    ],
)
def test_passes_of_the_update(options: dict[str, Any], passes: int) -> None:
    network = student()
    size = 4 * sum(parameter.numel() for parameter in network.parameters())
    assert on_paper_work([network], **options).update.bytes == passes * size


def test_time_and_batch_multiply_the_work_and_nothing_else() -> None:
    sizes = {}
    for steps in (2, 4, 8):
        with on_paper(), compiling(False):
            images = torch.zeros(B, 3, 4, 4)
            network = imitation(student())
            spec = describe("student", Role(network, steps), images)
            terms = Objective([Term("loss", CrossEntropy(spec))])
            distiller = Distiller({"student": Role(network, steps, trainable=True)}, terms)
            batch = Batch(images, torch.zeros(B, dtype=torch.int64))
            sizes[steps] = work(distiller, batch, Settings(), FP32, compiled=True)
    macs = {steps: done.macs() for steps, done in sizes.items()}
    assert macs[8] - macs[4] == 2 * (macs[4] - macs[2]) == 4 * 3 * B * (CONV + HEAD)
    kept = {steps: done.kept["role student"] for steps, done in sizes.items()}
    assert kept[8] - kept[4] == 2 * (kept[4] - kept[2])


def test_the_network_is_left_as_it_was() -> None:
    network = student()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    on_paper_work([network])
    after = network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


class Curious(CrossEntropy):
    def forward(self, learner: Trace, guide: Trace | None, batch: Batch) -> Tensor:
        loss = super().forward(learner, guide, batch)
        return loss if loss.item() > 0 else -loss


def test_a_loss_that_asks_for_values_is_refused_in_a_sentence() -> None:
    with pytest.raises(SpikedistillError, match="asks for the values of a tensor"):
        on_paper_work([student()], loss=Curious)
