"""Site-by-site matching of a twin and its teacher, against plain loops."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from spikedistill.conversion.twin import spiking_twin
from spikedistill.core.objective import Role
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace
from spikedistill.methods.twin_features import TwinFeatures
from spikedistill.neurons.ilif import ILIF
from spikedistill.neurons.integrate_and_fire import IF
from spikedistill.taps import Tapped
from spikedistill.training.distiller import describe

IMAGES = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
BATCH = Batch(IMAGES, torch.arange(6) % 4)


def ann() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(5, 4, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(16, 7), nn.ReLU(), nn.Linear(7, 4),
    )  # fmt: skip


def traces(loss: TwinFeatures, student: Role, teacher: Role) -> tuple[Trace, Trace]:
    def run(role: Role, names: tuple[str, ...]) -> Trace:
        outputs, taps = Tapped(role.network, names)(IMAGES.unsqueeze(0), role.timesteps)
        assert isinstance(outputs, Tensor)
        return Trace(outputs, taps)

    return run(student, loss.needs.learner), run(teacher, loss.needs.guide)


def by_loops(student: Trace, teacher: Trace, over: str, most: list[float] | None) -> float:
    total = 0.0
    for site in range(1, 4):
        sent, goal = student.taps[f"spikes{site}"], teacher.taps[f"activation{site}"][0]
        if most is not None:
            goal = goal.clamp(max=most[site - 1])
        gaps = [(step - goal).square().mean().item() for step in sent]
        mean = (sent.mean(0) - goal).square().mean().item()
        gap = mean if over == "mean" else sum(gaps) / len(gaps)
        total += gap / goal.square().mean().item()
    return total / 3


@pytest.mark.parametrize("over", ["mean", "step"])
@pytest.mark.parametrize("goals", ["raw", "clipped"])
@pytest.mark.parametrize("timesteps", [1, 3])
def test_it_is_the_equation(over: str, goals: str, timesteps: int) -> None:
    network = ann()
    twin = spiking_twin(network, ILIF(2), thresholds=IMAGES, percentile=80.0)
    student, teacher = Role(twin, timesteps, trainable=True), Role(network)
    specs = (describe("student", student, IMAGES), describe("teacher", teacher, IMAGES))
    loss = TwinFeatures(*specs, over=over, goals=goals)  # type: ignore[arg-type]
    mine, theirs = traces(loss, student, teacher)
    most = [2 * twin[place].height for place in (1, 4, 7)] if goals == "clipped" else None
    found = loss(mine, theirs, BATCH)
    assert found.item() == pytest.approx(by_loops(mine, theirs, over, most), rel=1e-5)
    found.backward()
    for name, parameter in twin.named_parameters():
        if not name.startswith("8."):  # behind the last site
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_with_enough_levels_nothing_is_left() -> None:
    network = ann()
    twin = spiking_twin(network, ILIF(4096), thresholds=IMAGES, percentile=100.0)
    roles = Role(twin, 1, trainable=True), Role(network)
    specs = [describe(name, role, IMAGES) for name, role in zip("st", roles, strict=True)]
    loss = TwinFeatures(*specs)
    assert loss(*traces(loss, *roles), BATCH).item() < 1e-6


def test_spikes_behind_a_divided_current_stand_for_their_threshold() -> None:
    network = ann()
    twin = spiking_twin(network, IF(v_reset=None), thresholds=IMAGES, percentile=99.0)
    roles = Role(twin, 4, trainable=True), Role(network)
    specs = [describe(name, role, IMAGES) for name, role in zip("st", roles, strict=True)]
    loss = TwinFeatures(*specs, sites=("spikes1",))
    mine, theirs = traces(loss, *roles)
    assert set(mine.taps) == {"spikes1"}
    goal = theirs.taps["activation1"][0]
    sent = twin[1].threshold * mine.taps["spikes1"].mean(0)
    wanted = (sent - goal).square().mean() / goal.square().mean()
    assert loss(mine, theirs, BATCH).item() == pytest.approx(wanted.item(), rel=1e-6)


def test_a_site_whose_goals_are_zero_counts_for_nothing() -> None:
    specs = (
        Spec("student", 1, 2, 2, {"spikes1": (1, 2, 3), "spikes2": (1, 2, 3)}, spiking=True),
        Spec("teacher", 1, 2, 2, {"activation1": (1, 2, 3), "activation2": (1, 2, 3)}),
    )
    loss, ones = TwinFeatures(*specs), torch.ones(1, 2, 3)
    mine = Trace(ones, {"spikes1": ones, "spikes2": 2 * ones})
    theirs = Trace(ones, {"activation1": 0 * ones, "activation2": ones})
    assert loss(mine, theirs, BATCH).item() == pytest.approx(0.5)


def spec(role: str, family: str, shapes: list[tuple[int, ...]]) -> Spec:
    taps = {f"{family}{n}": shape for n, shape in enumerate(shapes, 1)}
    return Spec(role, 1, 2, 2, taps, spiking=family == "spikes")


@pytest.mark.parametrize(
    ("mine", "theirs", "sites", "sentence"),
    [
        ([(1, 2, 3)], [], ("*",), r"student has 1 sites and the teacher 0 \(its taps: none\)"),
        ([(1, 2, 3)], [(1, 2, 4)], ("*",), r"spikes1 of the student has shape \(3,\) where activa"),
        ([(1, 2, 3)], [(1, 2, 3)], ("spikes7",), "no site of the student matches spikes7"),
    ],
)
def test_pairs_that_are_no_twins_are_refused(
    mine: list[tuple[int, ...]],
    theirs: list[tuple[int, ...]],
    sites: tuple[str, ...],
    sentence: str,
) -> None:
    with pytest.raises(ValueError, match=sentence):
        TwinFeatures(
            spec("student", "spikes", mine), spec("teacher", "activation", theirs), sites=sites
        )


def test_it_keeps_no_network() -> None:
    network = ann()
    twin = spiking_twin(network, ILIF(2), thresholds=IMAGES)
    roles = Role(twin, 1, trainable=True), Role(network)
    loss = TwinFeatures(
        *[describe(name, role, IMAGES) for name, role in zip("st", roles, strict=True)]
    )
    assert not list(loss.parameters()) and not list(loss.children())
    assert copy.deepcopy(loss).needs == loss.needs
