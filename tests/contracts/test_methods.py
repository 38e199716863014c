"""What every file of `methods/` promises. A new method is tested here without an edit."""

from __future__ import annotations

import copy
import functools
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from spikedistill.core.loss import Loss
from spikedistill.core.objective import Objective, Role, Term
from spikedistill.core.reference import Reference
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace
from spikedistill.methods import METHODS
from spikedistill.models.digits import digits
from spikedistill.neurons.lif import LIF
from spikedistill.training.distiller import Distiller, describe

NAMES = METHODS.names()
BATCH = Batch(
    torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(1)),
    torch.arange(8) % 4,
    index=torch.arange(8),
)
every_method = pytest.mark.parametrize("name", NAMES)


def spiking(width: float = 0.25) -> nn.Module:
    return digits(LIF(v_threshold=0.5), width=width)


def guide_of(kind: type[Loss]) -> Role:
    """A guide of the kind that a method asks for."""
    if kind.guide == "any":
        return Role(digits(width=0.5))
    return Role(spiking() if kind.guide == "same shapes" else spiking(0.5), 2)


@functools.cache
def built(guide: str) -> tuple[dict[str, Role], tuple[Spec, Spec]]:
    """Roles and their specs, described once for all methods with such a guide."""
    kind = next(METHODS.find(name) for name in NAMES if METHODS.find(name).guide == guide)
    roles = {"student": Role(spiking(), 2, trainable=True), "teacher": guide_of(kind)}
    return roles, specs_of(roles)


def specs_of(roles: dict[str, Role]) -> tuple[Spec, Spec]:
    return tuple(describe(name, role, BATCH.inputs) for name, role in roles.items())


def scene(name: str, **options: object) -> Distiller:
    """A small spiking student (T = 2) and such a teacher as the method asks for."""
    kind = METHODS.find(name)
    known, specs = built(kind.guide)
    roles = {key: replace(role, network=copy.deepcopy(role.network)) for key, role in known.items()}
    student, teacher = specs
    torch.manual_seed(0)
    loss = kind(student, teacher if kind.uses_guide else None, **options)
    guide = "teacher" if kind.uses_guide else None
    return Distiller(roles, Objective([Term(name, loss, guide=guide)]))


def batch_for(loss: Loss) -> Batch:
    """The batch, with random numbers that are the same each time for a method that draws."""
    if not loss.draws:
        return BATCH
    return replace(BATCH, generator=torch.Generator().manual_seed(3))


def loss_of(distiller: Distiller, name: str) -> Loss:
    return distiller.objective.losses[name]


def recorded(distiller: Distiller, name: str) -> tuple[Trace, Trace | None]:
    """What the method would see, as leaves that collect gradient."""

    def leaves(role: str) -> Trace:
        with torch.no_grad():
            run = distiller.trace(role, BATCH.inputs[None])

        def leaf(value: Tensor) -> Tensor:
            return value.detach().clone().requires_grad_(role == "student")

        return Trace(
            leaf(run.outputs),
            {tap: leaf(value) for tap, value in run.taps.items()},
            {path: leaf(value) for path, value in run.parameters.items()},
        )

    guide = leaves("teacher") if loss_of(distiller, name).uses_guide else None
    return leaves("student"), guide


@every_method
def test_the_loss_is_a_finite_scalar(name):
    distiller = scene(name)
    loss, parts = distiller(BATCH)
    assert loss.shape == ()
    assert loss.isfinite()
    assert parts[name].item() == loss.item()


@every_method
def test_learner_and_method_learn_and_the_guide_does_not(name):
    distiller = scene(name)
    student, teacher = (distiller.roles[role].network for role in ("student", "teacher"))
    teacher.requires_grad_(True)  # even a guide that could learn gets nothing
    before = copy.deepcopy(teacher.state_dict())
    distiller(BATCH)[0].backward()
    assert any(p.grad is not None and p.grad.any() for p in student.parameters())
    for path, parameter in loss_of(distiller, name).named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), f"no gradient at {path}"
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert not any(module.training for module in teacher.modules())
    assert all(torch.equal(before[key], value) for key, value in teacher.state_dict().items())


@every_method
def test_state_makes_the_round_trip(name):
    distiller = scene(name)
    traces = recorded(distiller, name)
    loss, fresh = loss_of(distiller, name), loss_of(scene(name), name)
    fresh.load_state_dict(loss.state_dict())
    first, second = (one(*traces, batch_for(one)).item() for one in (fresh, loss))
    assert first == second


@every_method
def test_forty_steps_on_one_batch_lower_it(name):
    distiller = scene(name)
    learned = [parameter for parameter in distiller.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(learned, lr=5e-3)
    values: list[float] = []
    for _ in range(40):
        loss, _parts = distiller(BATCH)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert sum(values[-5:]) / 5 < 0.9 * values[0]


def mismatches() -> dict[str, tuple[Spec, Spec | None, tuple[str, ...]]]:
    """Pairs that some methods cannot work with, and the facts that a refusal must name."""
    roles = {"student": Role(digits(LIF(), width=0.25), 2), "teacher": Role(digits(width=0.5))}
    student, teacher = specs_of(roles)
    longer = {tap: (5, *shape[1:]) for tap, shape in teacher.shapes.items()}
    return {
        "no guide": (student, None, ("student", "guide")),
        "other classes": (student, replace(teacher, classes=100), ("10", "100")),
        "other steps": (student, replace(teacher, timesteps=5, shapes=longer), ("2", "5")),
        "no taps": (student, replace(teacher, shapes={}), ("teacher", "none")),
    }


@every_method
def test_a_pair_that_cannot_work_is_refused_with_both_facts(name):
    kind = METHODS.find(name)
    refused = 0
    for what, (student, guide, facts) in mismatches().items():
        try:
            kind(student, guide)
        except ValueError as error:
            refused += 1
            missing = [fact for fact in facts if fact not in str(error)]
            assert not missing, f"{what}: {error} does not say {missing}"
    assert refused or not kind.uses_guide


@every_method
def test_the_file_documents_its_method(name):
    kind = METHODS.find(name)
    assert isinstance(kind.reference, Reference)
    text = __import__(kind.__module__, fromlist=["_"]).__doc__
    sections = ("Formula", "Shapes", "Needs", "Options", "Relations", "Example")
    missing = [s for s in (*sections, "Differences from the paper") if f"**{s}**" not in text]
    assert not missing


def same_compiled(name: str, backend: str, **options: object) -> None:
    if METHODS.find(name).draws:
        pytest.skip("the compiler does not follow a generator")
    distiller = scene(name, **options)
    loss = loss_of(distiller, name)
    student, guide = recorded(distiller, name)
    watched = [student.outputs, *student.taps.values(), *loss.parameters()]

    def run(function) -> list[Tensor]:
        value = function(student, guide, batch_for(loss))
        gradients = torch.autograd.grad(value, watched, allow_unused=True)
        return [value.detach(), *(g for g in gradients if g is not None)]

    torch.compiler.reset()
    compiled = torch.compile(loss, backend=backend, fullgraph=True)
    torch.testing.assert_close(run(compiled), run(loss), rtol=1e-4, atol=1e-5)


@pytest.mark.compiled
@every_method
def test_compiled_gives_the_same_loss_and_gradients(name):
    same_compiled(name, "aot_eager")


@pytest.mark.compiled
def test_the_full_compiler_gives_the_same_sastc():
    same_compiled("sastc", "inductor", learner_taps=["stage2"], guide_taps=["stage[12]"])
