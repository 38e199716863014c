"""A whole network under the compiler: the same numbers, taps recorded, few compilations."""

import logging

import pytest
import torch
from torch import nn
from torch._dynamo.backends.debugging import aot_eager

from spikedistill.core.objective import Objective, Role, Term
from spikedistill.core.trace import Batch
from spikedistill.methods.cross_entropy import CrossEntropy
from spikedistill.methods.sastc import SASTC
from spikedistill.models.digits import digits
from spikedistill.neurons.lif import LIF
from spikedistill.taps import Tapped
from spikedistill.training import whole_model
from spikedistill.training.distiller import Distiller, describe
from spikedistill.training.settings import Settings
from spikedistill.training.whole_model import WholeModel

compiled = pytest.mark.compiled


@pytest.fixture
def graphs(monkeypatch):
    """The graphs that were compiled; run eagerly, which takes no minutes."""
    found: list[torch.fx.GraphModule] = []

    def counting(graph, inputs):
        found.append(graph)
        return aot_eager(graph, inputs)

    monkeypatch.setattr(whole_model, "backend", counting)
    return found


def student():
    torch.manual_seed(0)
    return digits(LIF(v_threshold=0.5), width=0.25)


def step(whole: bool):
    torch.manual_seed(0)
    roles = {"student": Role(student(), 2, trainable=True), "teacher": Role(digits(width=0.5))}
    images = torch.rand(8, 1, 8, 8)
    specs = {name: describe(name, role, images) for name, role in roles.items()}
    terms = [Term("ce", CrossEntropy(specs["student"])),
             Term("sastc", SASTC(specs["student"], specs["teacher"]), weight=10.0)]  # fmt: skip
    distiller = Distiller(roles, Objective(terms))
    if whole:
        distiller.compile_networks()
    loss, parts = distiller(Batch(images, torch.arange(8) % 4))
    loss.backward()
    return parts, {n: p.grad for n, p in distiller.named_parameters() if p.requires_grad}, distiller


@compiled
def test_a_step_is_the_same_and_the_taps_carry_gradient(graphs):
    plain, whole = step(False), step(True)
    assert len(graphs) == 1
    for one, two in zip(plain[:2], whole[:2], strict=True):
        assert one.keys() == two.keys()
        for name, value in one.items():
            assert torch.allclose(value, two[name], rtol=1e-4, atol=1e-6), name
    buffers = dict(whole[2].named_buffers())
    for name, value in plain[2].named_buffers():
        assert torch.allclose(value, buffers[name], atol=1e-6), name  # the trial left no trace
    assert not vars(whole[2].roles["student"].network).get("forward")


@compiled
def test_what_is_recorded_is_that_of_this_call(graphs):
    network = student()
    tapped = Tapped(network, ["stage1", "membrane2"])
    whole = WholeModel(network, "student", tapped.forget)
    for _ in range(2):
        images = torch.rand(1, 4, 1, 8, 8)
        with whole.during():
            outputs, taps = tapped(images, 2)
        expected, wanted = tapped(images, 2)
        assert torch.allclose(outputs, expected, atol=1e-5)
        for name in ("stage1", "membrane2"):
            assert taps[name].requires_grad
            assert torch.allclose(taps[name], wanted[name], atol=1e-5), name
    assert len(graphs) == 1 and not whole.failed


@compiled
def test_other_steps_and_batches_are_compiled_a_bounded_number_of_times(graphs, caplog):
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3), LIF(v_threshold=0.5), nn.Flatten(), nn.Linear(72, 10)
    )
    network.taps = {"stage2": "1"}
    tapped = Tapped(network, ["stage2"])
    whole = WholeModel(network, "student", tapped.forget)

    def run(batch: int, timesteps: int) -> None:
        images = torch.rand(1, batch, 1, 8, 8)
        with whole.during():
            outputs, _ = tapped(images, timesteps)
        assert outputs.shape == (timesteps, batch, 10)

    for batch in (8, 8, 5, 3, 7, 8):
        run(batch, 2)
    assert len(graphs) == 2  # one for 8, one for all sizes
    for timesteps in (3, 2, 3):
        run(8, timesteps)
    assert len(graphs) == 3
    with (
        caplog.at_level(logging.WARNING, "spikedistill"),
        torch._dynamo.config.patch(recompile_limit=4),
    ):
        for timesteps in range(3, 7):
            run(8, timesteps)
    assert len(graphs) <= 4
    assert whole.failed
    assert len([record for record in caplog.records if record.name == "spikedistill"]) == 1


class Untraceable(nn.Module):
    def forward(self, x):
        torch._dynamo.graph_break()
        return x.flatten(1)


@compiled
@pytest.mark.parametrize("where", ["forward", "backward"])
def test_what_cannot_be_compiled_runs_with_one_line_that_says_so(monkeypatch, caplog, where):
    def refusing(graph, inputs):
        made = aot_eager(graph, inputs)

        class Refusing(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def backward(ctx, gradient):
                raise RuntimeError("no backward pass here")

        return lambda *args: tuple(Refusing.apply(x) for x in made(*args))

    monkeypatch.setattr(whole_model, "backend", refusing if where == "backward" else "aot_eager")
    last = nn.Flatten() if where == "backward" else Untraceable()
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), LIF(), last)
    whole = WholeModel(network, "student")
    with caplog.at_level(logging.WARNING, "spikedistill"):
        for _ in range(2):
            with whole.during():
                network(torch.rand(2, 1, 3, 3)).sum().backward()
    (line,) = [record.message for record in caplog.records if record.name == "spikedistill"]
    assert line.startswith("compile: model does not work for the student")
    assert "only its neurons are compiled" in line
    assert int(network[1].num_batches_tracked) == 2


def test_what_is_wrong_with_the_network_itself_is_said_as_ever(graphs):
    network = nn.Sequential(nn.Linear(3, 2))
    whole = WholeModel(network, "student")
    with whole.during(), pytest.raises(RuntimeError, match="mat1 and mat2"):
        network(torch.rand(2, 4))


def test_one_of_two_ways_to_save_memory_is_refused():
    with pytest.raises(ValueError, match="choose one of them"):
        Settings(compile="model", checkpoint="stage")
