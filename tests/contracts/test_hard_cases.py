"""The hard cases of docs/design.md, each by small losses written here and no special path."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikedistill.core.loss import Loss, Needs, refuse_timesteps
from spikedistill.core.objective import Objective, Role, Term
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch
from spikedistill.methods.cross_entropy import CrossEntropy
from spikedistill.methods.logit_kd import LogitKD
from spikedistill.methods.sastc import SASTC
from spikedistill.models.digits import digits
from spikedistill.neurons.lif import LIF
from spikedistill.training.distiller import Distiller, describe

BATCH = Batch(
    torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(8) % 4
)


def spiking() -> nn.Module:
    return digits(LIF(v_threshold=0.5), width=0.25)


def specs(roles: dict[str, Role]) -> dict[str, Spec]:
    return {name: describe(name, role, BATCH.inputs) for name, role in roles.items()}


def has_gradient(module: nn.Module) -> bool:
    return any(p.grad is not None and bool(p.grad.any()) for p in module.parameters())


class Decoded(Loss):
    """Mean hidden maps of the learner, through a decoder, against those of the guide."""

    def __init__(self, learner, guide=None, *, tap="stage2") -> None:
        super().__init__(learner, guide)
        self.needs = Needs((tap,), (tap,))
        self.decoder = nn.Linear(learner.channels(tap), guide.channels(tap))

    def forward(self, learner, guide, batch) -> Tensor:
        (mine,), (goal,) = self.needs.learner, self.needs.guide
        maps, aims = (run[tap].mean((0, 3, 4)) for run, tap in ((learner, mine), (guide, goal)))
        return (self.decoder(maps) - aims).square().mean()


class EarlyExit(Loss):
    """A head of its own on an early stage learns from the guide's outputs."""

    def __init__(self, learner, guide=None, *, tap="stage1") -> None:
        super().__init__(learner, guide)
        self.needs = Needs(learner=(tap,))
        self.head = nn.Linear(learner.channels(tap), learner.classes)

    def forward(self, learner, guide, batch) -> Tensor:
        scores = self.head(learner[self.needs.learner[0]].mean((0, 3, 4)))
        return F.cross_entropy(scores, guide.logits.softmax(-1))


class SpikeDistance(Loss):
    """Spike trains compared as running sums over time."""

    def __init__(self, learner, guide=None, *, tap="spikes1") -> None:
        super().__init__(learner, guide)
        refuse_timesteps("spike_distance", learner, guide)
        self.needs = Needs((tap,), (tap,))

    def forward(self, learner, guide, batch) -> Tensor:
        mine, goal = learner["spikes1"].cumsum(0), guide["spikes1"].cumsum(0)
        return (mine - goal).square().mean()


def test_two_way_learning_is_two_terms_with_the_seats_swapped():
    roles = {
        "student": Role(spiking(), 2, trainable=True),
        "teacher": Role(digits(width=0.5), trainable=True),
    }
    seen = specs(roles)
    there = Term("there", Decoded(seen["student"], seen["teacher"]))
    back = Term("back", Decoded(seen["teacher"], seen["student"]), "teacher", "student")
    for terms, learns in (([there], "student"), ([back], "teacher"), ([there, back], "both")):
        for role in roles.values():
            role.network.zero_grad()
        Distiller(roles, Objective(terms))(BATCH)[0].backward()
        for name, role in roles.items():
            assert has_gradient(role.network) == (learns in (name, "both"))
            assert role.network.training


def test_self_distillation_seats_one_role_twice():
    roles = {"student": Role(spiking(), 2, trainable=True)}
    student = specs(roles)["student"]
    exit_loss = EarlyExit(student, student)
    distiller = Distiller(roles, Objective([Term("exit", exit_loss, guide="student")]))
    distiller(BATCH)[0].backward()
    network = roles["student"].network
    assert has_gradient(exit_loss.head)
    assert has_gradient(network)
    # The deep end is the guide, cut from the graph: nothing behind the early stage learns from it.
    last = list(network.parameters())[-1]
    assert last.grad is None or not last.grad.any()


def test_a_longer_run_of_the_student_is_another_role_on_its_network():
    network = spiking()
    roles = {"student": Role(network, 2, trainable=True), "longer": Role(network, 6)}
    seen = specs(roles)
    assert seen["longer"].timesteps == 6
    term = Term("kd", LogitKD(seen["student"], seen["longer"]), guide="longer")
    distiller = Distiller(roles, Objective([term]))
    assert len(distiller.tapped) == 1
    loss, _ = distiller(BATCH)
    loss.backward()
    assert distiller.outputs["longer"].shape[0] == 6
    assert has_gradient(network)
    assert network.training
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    counts = {norm.num_batches_tracked.item() for norm in norms}
    assert counts == {1}, "only the run that learns moves the running statistics"


def test_two_learning_roles_on_one_network_add_their_gradients():
    network = spiking()
    few, many = Role(network, 1, trainable=True), Role(network, 3, trainable=True)
    seen = specs({"few": few, "many": many})
    terms = [
        Term(name, CrossEntropy(seen[name]), learner=name, guide=None) for name in ("few", "many")
    ]

    def gradient(chosen: list[Term], roles: dict[str, Role]) -> list[Tensor]:
        network.zero_grad()
        Distiller(roles, Objective(chosen))(BATCH)[0].backward()
        return [p.grad.clone() for p in network.parameters()]

    both = gradient(terms, {"few": few, "many": many})
    alone = gradient(terms[:1], {"few": few}), gradient(terms[1:], {"many": many})
    for whole, one, other in zip(both, *alone, strict=True):
        torch.testing.assert_close(whole, one + other)


def test_roles_on_one_network_may_want_different_taps():
    network = spiking()
    roles = {"student": Role(network, 2, trainable=True), "twin": Role(network, 2)}
    seen = specs(roles)
    terms = [
        Term("spikes", SpikeDistance(seen["student"], seen["twin"]), guide="twin"),
        Term("exit", EarlyExit(seen["student"], seen["twin"]), guide="twin"),
    ]
    distiller = Distiller(roles, Objective(terms))
    assert set(distiller.trace("student", BATCH.inputs[None]).taps) == {"spikes1", "stage1"}
    assert set(distiller.trace("twin", BATCH.inputs[None]).taps) == {"spikes1"}


def test_a_spiking_teacher_is_compared_step_by_step():
    roles = {"student": Role(spiking(), 3, trainable=True), "teacher": Role(spiking(), 3)}
    seen = specs(roles)
    terms = [
        Term("spikes", SpikeDistance(seen["student"], seen["teacher"])),
        Term("sastc", SASTC(seen["student"], seen["teacher"])),
        Term("kd", LogitKD(seen["student"], seen["teacher"], time="steps")),
    ]
    distiller = Distiller(roles, Objective(terms))
    assert distiller.trace("teacher", BATCH.inputs[None])["spikes1"].shape[0] == 3
    loss, parts = distiller(BATCH)
    loss.backward()
    assert all(value.isfinite() and value > 0 for value in parts.values())
    assert has_gradient(roles["student"].network)
    assert not has_gradient(roles["teacher"].network)
    shorter = describe("teacher", Role(spiking(), 2), BATCH.inputs)
    with pytest.raises(ValueError, match="student runs 3 steps and the teacher 2"):
        SpikeDistance(seen["student"], shorter)


def test_a_second_phase_takes_over_what_the_first_learned():
    student = Role(spiking(), 2, trainable=True)
    general, tuned = Role(digits(width=0.5)), Role(digits(width=0.5))

    def phase(teacher: Role, *extra: Term) -> Distiller:
        roles = {"student": student, "teacher": teacher}
        seen = specs(roles)
        hidden = Term("hidden", Decoded(seen["student"], seen["teacher"]))
        return Distiller(roles, Objective([hidden, *extra]))

    first = phase(general)
    optimizer = torch.optim.SGD([p for p in first.parameters() if p.requires_grad], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        first(BATCH)[0].backward()
        optimizer.step()
    labels = Term("labels", CrossEntropy(specs({"student": student})["student"]), guide=None)
    second = phase(tuned, labels)
    learned = first.objective.losses["hidden"].decoder.weight
    mine = second.objective.losses["hidden"].decoder.weight
    assert not torch.equal(mine, learned)
    assert second.objective.adopt(first.objective) == ("hidden",)
    assert torch.equal(mine, learned) and mine is not learned
    second(BATCH)[0].backward()
    assert has_gradient(second.objective) and has_gradient(student.network)


class Reader(nn.Module):
    """Tokens `[N, L]` to a class at every position `[N, L, K]`, with neurons between."""

    def __init__(self, width: int, neuron: nn.Module) -> None:
        super().__init__()
        self.table, self.neuron = nn.Embedding(11, width), neuron
        self.head = nn.Linear(width, 5)
        self.taps = {"block1": "neuron"}

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.neuron(self.table(tokens)))


class Tables(Loss):
    """Embedding tables compared through a linear map: parameters asked for by name."""

    def __init__(self, learner, guide=None) -> None:
        super().__init__(learner, guide)
        name = "table.weight"
        self.needs = Needs(learner_parameters=(name,), guide_parameters=(name,))
        wide, narrow = (s.network.get_parameter(name).shape[1] for s in (guide, learner))
        self.map = nn.Linear(narrow, wide)

    def forward(self, learner, guide, batch) -> Tensor:
        mine, goal = (run.parameters["table.weight"] for run in (learner, guide))
        return (self.map(mine) - goal).square().mean()


def test_a_target_at_every_position_with_a_mask():
    tokens = torch.arange(12).view(3, 4) % 11
    targets = torch.tensor([[0, 1, 2, 3], [4, 0, 1, 1], [2, 2, 2, 2]])
    mask = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]]).bool()
    roles = {
        "student": Role(Reader(6, LIF(v_threshold=0.1)), 4, trainable=True),
        "teacher": Role(Reader(8, nn.ReLU())),
    }
    seen = {name: describe(name, role, tokens) for name, role in roles.items()}
    assert (seen["student"].classes, seen["student"].shape("block1")) == (5, (4, 3, 4, 6))
    terms = [
        Term("labels", CrossEntropy(seen["student"], time="steps"), guide=None),
        Term("kd", LogitKD(seen["student"], seen["teacher"], time="steps", temperature=2.0)),
        Term("tables", Tables(seen["student"], seen["teacher"])),
    ]
    distiller = Distiller(roles, Objective(terms))
    loss, parts = distiller(Batch(tokens, targets, mask=mask))
    outputs = distiller.outputs["student"]
    assert outputs.shape == (4, 3, 4, 5)
    expected = torch.stack([F.cross_entropy(step[mask], targets[mask]) for step in outputs]).mean()
    torch.testing.assert_close(parts["labels"], expected)
    loss.backward()
    assert all(p.grad is not None for p in roles["student"].network.parameters())
    assert roles["teacher"].network.table.weight.grad is None


def test_labels_alone_need_no_other_role():
    roles = {"student": Role(spiking(), 2, trainable=True)}
    term = Term("labels", CrossEntropy(specs(roles)["student"]), guide=None)
    loss, parts = Distiller(roles, Objective([term]))(BATCH)
    assert loss.item() == parts["labels"].item()
