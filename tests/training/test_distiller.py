"""One phase as one module: who runs, who learns, what is recorded."""

import logging
from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from torch import nn

from spikedistill.conversion.twin import spiking_twin
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.objective import Objective, Role, Term
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch
from spikedistill.data import encoder
from spikedistill.methods.cross_entropy import CrossEntropy
from spikedistill.methods.logit_kd import LogitKD
from spikedistill.methods.sastc import SASTC
from spikedistill.models.digits import digits
from spikedistill.neurons.lif import LIF
from spikedistill.training.distiller import FEW, Distiller, describe


def pair(weights=(1.0, 1.0, 10.0)):
    torch.manual_seed(0)
    student, teacher = digits(LIF(v_threshold=0.5), width=0.25), digits(width=0.5)
    roles = {"student": Role(student, 2, trainable=True), "teacher": Role(teacher)}
    images = torch.rand(8, 1, 8, 8)
    specs = {name: describe(name, role, images) for name, role in roles.items()}
    terms = [
        Term("ce", CrossEntropy(specs["student"]), guide=None, weight=weights[0]),
        Term("kd", LogitKD(specs["student"], specs["teacher"]), weight=weights[1]),
        Term("sastc", SASTC(specs["student"], specs["teacher"]), weight=weights[2]),
    ]
    batch = Batch(images, torch.arange(8) % 4)
    return Distiller(roles, Objective(terms)), batch


def test_a_spec_knows_the_network_before_training():
    images = torch.rand(8, 1, 8, 8)
    network = digits(LIF(), width=0.25).train()
    spec = describe("student", Role(network, 3), images)
    assert (spec.role, spec.timesteps, spec.batch_size, spec.classes) == ("student", 3, 8, 10)
    assert spec.shape("stage2") == (3, 8, 8, 4, 4)
    assert spec.channels("stage3") == 16
    assert spec.grid("stage1") == (8, 8)
    assert network.training
    assert not any(module._forward_hooks for module in network.modules())
    assert int(network.get_buffer("layer1.1.running_mean").abs().sum()) == 0


def test_the_total_is_the_weighted_sum_of_the_parts():
    distiller, batch = pair(weights=(1.0, 0.5, 3.0))
    loss, parts = distiller(batch)
    expected = parts["ce"] + 0.5 * parts["kd"] + 3 * parts["sastc"]
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert set(parts) == {"ce", "kd", "sastc"}


def test_the_teacher_learns_nothing_and_stays_in_evaluation_mode():
    distiller, batch = pair()
    teacher = distiller.roles["teacher"].network
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    distiller.train()
    distiller(batch)[0].backward()
    assert not teacher.training
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(torch.equal(before[k], v) for k, v in teacher.state_dict().items())
    learners = [p for p in distiller.parameters() if p.requires_grad]
    assert all(parameter.grad is not None for parameter in learners)


def test_the_checkpoint_holds_the_student_and_the_losses_but_no_teacher():
    distiller, _ = pair()
    state = distiller.state_dict()
    assert any(key.startswith("tapped.0.network.layer1") for key in state)
    assert any(key.startswith("objective.losses.sastc.queries") for key in state)
    assert not any(key.startswith("tapped.1") for key in state)
    twin, batch = pair()
    with torch.no_grad():
        for parameter in twin.parameters():
            if parameter.requires_grad:
                parameter.add_(1.0)
    twin.load_state_dict(state, strict=False)
    assert twin(batch)[0].item() == distiller(batch)[0].item()


def test_a_frozen_role_on_a_learning_network_leaves_its_statistics_alone():
    torch.manual_seed(0)
    network = digits(LIF(v_threshold=0.5), width=0.25)
    roles = {"student": Role(network, 2, trainable=True), "longer": Role(network, 4)}
    images = torch.rand(8, 1, 8, 8)
    specs = {name: describe(name, role, images) for name, role in roles.items()}
    loss = LogitKD(specs["student"], specs["longer"], time="fused")
    distiller = Distiller(roles, Objective([Term("kd", loss, guide="longer")]))
    distiller(Batch(images, torch.zeros(8, dtype=torch.long)))
    assert network.get_buffer("layer1.1.num_batches_tracked") == 1
    assert network.training


def test_the_input_is_encoded_once_per_number_of_steps():
    calls = []

    def noisy(inputs, timesteps, generator):
        calls.append(timesteps)
        return torch.rand(timesteps, *inputs.shape)

    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    roles = {"student": Role(network, 2, True), "teacher": Role(nn.Sequential(network), 2)}
    images = torch.rand(5, 1, 2, 2)
    specs = {name: describe(name, role, images, noisy) for name, role in roles.items()}
    calls.clear()
    kd = LogitKD(specs["student"], specs["teacher"], time="steps")
    distiller = Distiller(roles, Objective([Term("kd", kd)]), encoder=noisy)
    value = distiller(Batch(images, torch.zeros(5)))[1]["kd"]
    assert calls == [2]
    assert value.item() == pytest.approx(0.0, abs=1e-6)  # the same network on the same numbers


def test_a_guide_that_no_term_looks_at_is_not_run():
    distiller, batch = pair()
    student = distiller.roles["student"]
    spec = describe("student", student, batch.inputs)
    alone = Distiller(distiller.roles, Objective([Term("ce", CrossEntropy(spec))]))
    teacher = distiller.roles["teacher"].network
    runs = []
    handle = teacher.register_forward_hook(lambda *_: runs.append(1))
    alone(batch)
    handle.remove()
    assert runs == [] and set(alone.outputs) == {"student"}


def test_a_term_that_seats_a_missing_role_is_refused():
    spec = Spec("student", 1, 4, 3)
    role = Role(nn.Linear(2, 3), trainable=True)
    terms = [Term("ce", CrossEntropy(spec), learner="studnet", guide=None)]
    with pytest.raises(SpikedistillError, match=r"seats the role 'studnet'.*mean 'student'"):
        Distiller({"student": role}, Objective(terms))


def test_a_phase_in_which_nobody_learns_is_refused():
    spec = Spec("student", 1, 4, 3)
    terms = [Term("ce", CrossEntropy(spec), guide=None)]
    with pytest.raises(SpikedistillError, match="no role learns"):
        Distiller({"student": Role(nn.Linear(2, 3))}, Objective(terms))


def test_a_role_runs_at_least_one_step():
    with pytest.raises(ValueError, match="at least one time step; got timesteps=0"):
        Role(nn.Linear(1, 1), timesteps=0)


def test_a_network_that_learns_in_another_role_cannot_be_recorded():
    network = digits(LIF(), width=0.25)
    roles = {"student": Role(network, 2, trainable=True), "longer": Role(network, 4, record=True)}
    spec = describe("student", roles["student"], torch.rand(8, 1, 8, 8))
    distiller = Distiller(roles, Objective([Term("ce", CrossEntropy(spec))]))
    with pytest.raises(SpikedistillError, match="'longer' is to be recorded, and its network lear"):
        distiller.record(10)


def test_a_recorded_role_answers_from_memory_in_training_and_afresh_in_evaluation():
    distiller, batch = pair()
    distiller.roles["teacher"] = replace(distiller.roles["teacher"], record=True)
    distiller.record(20)
    runs: list[int] = []
    distiller.roles["teacher"].network.register_forward_hook(lambda *_: runs.append(1))
    batch = replace(batch, index=torch.arange(8) + 5)
    first, again = distiller(batch)[0], distiller(batch)[0]
    assert len(runs) == 1 and torch.equal(first, again)
    distiller(replace(batch, index=torch.arange(8) + 6))  # one of them is new
    assert len(runs) == 2
    distiller.eval()(batch)
    assert len(runs) == 3


def test_a_spec_of_frames_and_a_role_that_is_recorded_on_them():
    frames = torch.rand(8, 3, 2, 8, 8)
    torch.manual_seed(0)
    student, teacher = (digits(x, channels=2, width=0.25) for x in (LIF(v_threshold=0.5), nn.ReLU))
    roles = {
        "student": Role(student, 3, trainable=True),
        "teacher": Role(teacher, record=True),
        "watcher": Role(teacher, 3),
    }
    code = encoder("frames")
    specs = {name: describe(name, role, frames, code) for name, role in roles.items()}
    assert [spec.shape("stage1") for spec in specs.values()] == [
        (3, 8, 4, 8, 8), (1, 8, 4, 8, 8), (3, 8, 4, 8, 8),
    ]  # fmt: skip
    terms = [
        Term("ce", CrossEntropy(specs["student"]), guide=None),
        Term("kd", LogitKD(specs["student"], specs["teacher"])),
        Term("mean", LogitKD(specs["student"], specs["watcher"], time="steps"), guide="watcher"),
    ]
    distiller = Distiller(roles, Objective(terms), code)
    distiller.record(8)
    batch = Batch(frames, torch.arange(8) % 4, torch.arange(8))
    first, again = (distiller(batch)[1] for _ in range(2))
    assert first["kd"].item() == pytest.approx(again["kd"].item(), abs=1e-6)
    assert distiller.outputs["teacher"].shape == (1, 8, 10)
    with torch.no_grad():
        expected = teacher.eval()(frames.mean(1))
    assert torch.allclose(distiller.outputs["teacher"][0], expected, atol=1e-6)
    with torch.no_grad():
        one_by_one = torch.stack([teacher(frames[:, t]) for t in range(3)])
    assert torch.allclose(distiller.outputs["watcher"], one_by_one, atol=1e-5)


class Seen(nn.Module):
    """Notes how many samples it gets."""

    taps: ClassVar[dict[str, str]] = {"tap": "tap"}

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.tap, self.most = nn.Linear(4, 3), nn.Identity(), 0

    def forward(self, x):
        self.most = max(self.most, len(x))
        return self.layer(self.tap(x))


def test_a_batch_is_described_by_a_few_of_its_samples():
    network = Seen()
    spec = describe("student", Role(network, 1), torch.rand(64, 4))
    assert network.most == FEW
    assert (spec.batch_size, spec.outputs, spec.shapes["tap"]) == (64, (1, 64, 3), (1, 64, 4))
    assert describe("student", Role(network, 1), torch.rand(1, 4)).outputs == (1, 1, 3)


def plain() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(96, 3),
    )  # fmt: skip


def test_a_network_that_declares_nothing_gets_stages_when_it_is_described():
    ann = plain()
    snn, images = spiking_twin(ann, LIF()), torch.rand(8, 1, 8, 8)
    before = ann(images)
    roles = {"student": Role(snn, 4, trainable=True), "teacher": Role(ann)}
    student, teacher = (describe(name, role, images) for name, role in roles.items())
    assert student.select("stage[0-9]") == teacher.select("stage[0-9]") == ("stage1", "stage2")
    assert ann.taps == {"stage1": "1", "stage2": "4"} and torch.equal(ann(images), before)
    terms = [Term("sastc", SASTC(student, teacher), weight=100.0)]
    loss, _ = Distiller(roles, Objective(terms))(Batch(images, torch.arange(8) % 3))
    loss.backward()
    assert loss.item() > 0 and snn[0].weight.grad.norm() > 0


def test_steps_that_are_all_alike_are_said(caplog):
    images = torch.rand(4, 1, 8, 8)
    with caplog.at_level(logging.WARNING, "spikedistill"):
        describe("student", Role(plain(), 4, trainable=True), images)
        assert "learns in 4 steps and has no neurons" in caplog.text
        caplog.clear()
        frames = torch.rand(4, 4, 1, 8, 8)  # an ANN that looks at every frame
        describe("student", Role(plain(), 4, trainable=True), frames, encoder("frames"))
        describe("student", Role(plain(), 1, trainable=True), images)
    assert not caplog.text
