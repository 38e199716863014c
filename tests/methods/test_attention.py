from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from spikedistill.core.objective import Objective, Term
from spikedistill.core.schedule import Schedule
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace
from spikedistill.functional.align import max_to_grid, mean_to_grid
from spikedistill.methods import _attention as attention_options
from spikedistill.methods.fitnet import FitNet
from spikedistill.methods.sastc import SASTC

T, B = 2, 8
MINE = {"stage1": (3, 8, 8), "stage2": (4, 4, 4), "stage3": (5, 2, 2)}
THEIRS = {"stage1": (4, 4, 4), "stage2": (6, 2, 2)}


def side(role: str, steps: int, grids: dict[str, tuple[int, ...]], size: int = B):
    taps = {name: torch.rand(steps, size, *grid).double() for name, grid in grids.items()}
    shapes = {name: tuple(value.shape) for name, value in taps.items()}
    return Spec(role, steps, size, 10, shapes), Trace(torch.zeros(steps, size, 10), taps)


def scene(size: int = B, **options: Any) -> tuple[SASTC, Trace, Trace]:
    (student, learner), (teacher, guide) = (
        side("student", T, MINE, size),
        side("teacher", 1, THEIRS),
    )
    torch.manual_seed(1)
    return SASTC(student, teacher, **options).double(), learner, guide


def at(progress: float = 0.0, size: int = B) -> Batch:
    return Batch(torch.zeros(size, 1), torch.zeros(size, dtype=torch.long), progress=progress)


def scores(loss: SASTC, learner: Trace, guide: Trace) -> torch.Tensor:
    """Products of queries and keys `[T, B, I, J]`, one at a time."""
    found = torch.zeros(T, B, len(MINE), len(THEIRS), dtype=torch.float64)
    for t in range(T):
        for i, mine in enumerate(MINE):
            flat = learner[mine][t].flatten(1)
            query = loss.queries[i]((flat @ flat.T)[None])[0]
            for j, theirs in enumerate(THEIRS):
                other = guide[theirs][0].flatten(1)
                key = loss.keys[j]((other @ other.T)[None])[0]
                found[t, :, i, j] = (query * key).sum(1)
    return found


def value_in_loops(loss: SASTC, attention: torch.Tensor, learner: Trace, guide: Trace) -> float:
    gaps, total = loss.gaps(learner, guide), 0.0
    for t in range(T):
        for b in range(B):
            for i in range(len(MINE)):
                for j in range(len(THEIRS)):
                    total += (attention[t, b, i, j] * gaps[t, b, i * len(THEIRS) + j]).item()
    return total / (T * B * len(MINE))


@pytest.mark.parametrize("projector", ["full", "shared"])
@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("floor", [0.0, 0.3])
def test_temperature_and_floor_in_plain_loops(projector, temperature, floor):
    options = {"projector": projector, "temperature": temperature, "entropy_floor": floor}
    loss, learner, guide = scene(**options)
    exp = (scores(loss, learner, guide) / temperature).exp()
    expected = (1 - floor) * exp / exp.sum(-1, keepdim=True) + floor / len(THEIRS)
    torch.testing.assert_close(loss.attention(learner, guide), expected)
    found = loss(learner, guide, at()).item()
    assert found == pytest.approx(value_in_loops(loss, expected, learner, guide), rel=1e-12)


def test_options_that_say_the_default_change_no_bit():
    plain, learner, guide = scene()
    said, *_ = scene(attention="learned", temperature=1, entropy_floor=0.0, features="raw")
    assert said.state_dict().keys() == plain.state_dict().keys()
    assert torch.equal(said(learner, guide, at(0.7)), plain(learner, guide, at()))


@pytest.mark.parametrize("projector", ["full", "pointwise", "grouped", "shared"])
def test_uniform_is_the_mean_over_guide_layers_and_learns_no_attention(projector):
    loss, learner, guide = scene(attention="uniform", projector=projector)
    expected = torch.full((T, B, 3, 2), 0.5)
    torch.testing.assert_close(loss.attention(learner, guide), expected.double())
    found = loss(learner, guide, at()).item()
    assert found == pytest.approx(value_in_loops(loss, expected, learner, guide), rel=1e-12)
    assert all(name.startswith("gaps.") for name in loss.state_dict())
    assert loss.picture(learner, guide)["attention"].tolist() == [[[0.5, 0.5]] * 3] * T


def test_diagonal_is_fitnet_bit_for_bit():
    loss, learner, guide = scene(attention="diagonal")
    torch.manual_seed(1)
    specs = side("student", T, MINE)[0], side("teacher", 1, THEIRS)[0]
    torch.manual_seed(1)
    fitnet = FitNet(*specs).double()
    assert {name: value.shape for name, value in fitnet.state_dict().items()} == {
        name: value.shape for name, value in loss.state_dict().items()
    }
    assert loss(learner, guide, at()).item() == fitnet(learner, guide, at()).item()
    picture = loss.picture(learner, guide)["attention"]
    assert picture.tolist() == [[[1, 0], [1, 0], [0, 1]]] * T


def test_a_shared_projector_with_one_goal_is_a_grouped_one():
    shared, learner, guide = scene(attention="diagonal", projector="shared", grid=2)
    grouped, *_ = scene(attention="diagonal", projector="grouped", grid=2)
    assert torch.equal(shared(learner, guide, at()), grouped(learner, guide, at()))


@pytest.mark.parametrize("kind", ["uniform", "diagonal"])
def test_a_fixed_attention_takes_any_batch_and_a_learned_one_full_batches(kind):
    fixed, *_ = scene(attention=kind)
    learned, learner, guide = scene(attention="detached")
    assert not Objective([Term("sastc", fixed)]).full_batches
    assert Objective([Term("sastc", fixed), Term("other", learned)]).full_batches
    part = [
        Trace(run.outputs[:, :3], {name: value[:, :3] for name, value in run.taps.items()})
        for run in (learner, guide)
    ]
    assert fixed(*part, at(size=3)).isfinite()
    small = [side(*one, size=3)[0] for one in (("student", T, MINE), ("teacher", 1, THEIRS))]
    assert SASTC(*small, attention=kind).batch_size == 3


def test_no_gradient_passes_a_detached_attention():
    loss, learner, guide = scene(attention="detached")
    twin, *_ = scene()
    assert torch.equal(loss.attention(learner, guide), twin.attention(learner, guide).detach())
    leaf = learner["stage1"].requires_grad_()
    assert not loss.attention(learner, guide).requires_grad
    value, learned = loss(learner, guide, at()), twin(learner, guide, at())
    assert torch.equal(value, learned)
    value.backward()
    frozen = [*loss.queries.parameters(), *loss.keys.parameters()]
    assert frozen and not any(p.requires_grad or p.grad is not None for p in frozen)
    assert all(p.grad is not None for p in loss.gaps.parameters())
    through_gaps = leaf.grad.clone()
    leaf.grad = None
    learned.backward()
    assert not torch.equal(leaf.grad, through_gaps)
    assert all(p.grad.any() for p in twin.queries.parameters())


def test_a_detached_attention_takes_over_what_an_earlier_phase_learned():
    earlier, learner, guide = scene()
    for parameter in earlier.parameters():
        torch.nn.init.normal_(parameter)
    loss, *_ = scene(attention="detached")
    Objective([Term("sastc", loss)]).adopt(Objective([Term("sastc", earlier)]))
    assert torch.equal(loss.attention(learner, guide), earlier.attention(learner, guide))


def test_a_learned_temperature_is_positive_starts_at_one_and_gets_a_gradient():
    loss, learner, guide = scene(temperature="learned")
    plain, *_ = scene()
    assert torch.equal(loss(learner, guide, at()), plain(learner, guide, at()))
    loss(learner, guide, at()).backward()
    eps, values = 1e-6, []
    for shift in (eps, -eps):
        with torch.no_grad():
            loss.temperature.log.fill_(shift)
        values.append(loss(learner, guide, at()).item())
    slope = (values[0] - values[1]) / (2 * eps)
    assert loss.temperature.log.grad.item() == pytest.approx(slope, rel=1e-4)
    with torch.no_grad():
        loss.temperature.log.fill_(-3.0)
    assert loss.temperature(0.0).item() == pytest.approx(math.exp(-3))


def test_a_schedule_is_read_at_the_progress_of_the_batch():
    loss, learner, guide = scene(temperature=Schedule(1.0, 0.2, until=0.5))
    for progress, number in ((0.0, 1.0), (0.25, 0.6), (0.9, 0.2)):
        still, *_ = scene(temperature=number)
        torch.testing.assert_close(loss(learner, guide, at(progress)), still(learner, guide, at()))
    drawn = loss.picture(learner, guide)["attention"]  # as at the end
    torch.testing.assert_close(drawn, still.picture(learner, guide)["attention"])


@pytest.mark.parametrize(("temperature", "floor"), [(1.0, 0.0), (0.05, 0.0), (0.05, 0.4)])
def test_unit_vectors_keep_the_attention_within_its_bounds(temperature, floor):
    loss, learner, guide = scene(temperature=temperature, entropy_floor=floor)
    with torch.no_grad():
        for mlp in [*loss.queries, *loss.keys]:
            mlp.out.weight.zero_()
            mlp.out.bias.copy_(torch.tensor([1.0, 0.0]))
        loss.keys[1].out.bias.neg_()  # scores 1 and -1, the most that unit vectors can differ
    found = loss.attention(learner, guide)
    most = 1 / (1 + math.exp(-2 / temperature))
    assert found.max().item() == pytest.approx((1 - floor) * most + floor / 2)
    assert found.min().item() == pytest.approx((1 - floor) * (1 - most) + floor / 2)
    entropy = -(found * found.clamp_min(1e-300).log()).sum(-1)
    assert entropy.min().item() >= floor * math.log(2)


@pytest.mark.parametrize("projector", ["full", "shared"])
@pytest.mark.parametrize("kind", ["learned", "uniform", "diagonal"])
def test_normalised_goals_have_a_mean_square_of_one(kind, projector):
    loss, learner, guide = scene(features="normalized", attention=kind, projector=projector)
    taps = {}
    for name in THEIRS:
        squares = [v**2 for v in guide[name].flatten().tolist()]
        taps[name] = guide[name] / math.sqrt(sum(squares) / len(squares))
    raw, *_ = scene(attention=kind, projector=projector)
    expected = raw.gaps(learner, Trace(guide.outputs, taps))
    if kind == "diagonal":
        expected = expected.mean()
    else:
        weights = raw.attention(learner, guide)  # looks at the raw maps
        expected = (weights * expected.unflatten(-1, (3, 2))).sum(-1).mean()
    torch.testing.assert_close(loss(learner, guide, at()), expected)
    loud = Trace(guide.outputs, {name: 1000 * value for name, value in guide.taps.items()})
    assert loss.gaps(learner, loud).sum() > 1e3 * loss(learner, loud, at())


def test_a_silent_guide_layer_stays_zero_when_normalised():
    silent = Trace(torch.zeros(1, B, 10), {"stage1": torch.zeros(1, B, 2)})
    assert attention_options.normalized(silent, ["stage1"])["stage1"].eq(0).all()


@pytest.mark.parametrize("projector", ["full", "shared"])
def test_the_student_may_be_pooled_by_its_mean(projector):
    loss, learner, guide = scene(pool="average", projector=projector, grid=2)
    plain, *_ = scene(projector=projector, grid=2)
    pooled = [
        Trace(run.outputs, {name: pool(value, (2, 2)) for name, value in run.taps.items()})
        for run, pool in ((learner, mean_to_grid), (guide, mean_to_grid), (learner, max_to_grid))
    ]
    gaps = plain.gaps(pooled[0], pooled[1])
    torch.testing.assert_close(loss.gaps(learner, guide), gaps)
    assert not torch.allclose(plain.gaps(pooled[2], pooled[1]), gaps)


def test_skipping_knows_the_bounds_that_temperature_and_floor_set():
    scene(temperature=0.5, skip_below=0.05)  # refused at temperature 1: nothing is that low
    scene(temperature="learned", skip_below=1e-6)
    scene(temperature=Schedule(1.0, 0.1), skip_below=1e-6)
    with pytest.raises(ValueError, match=r"between 0.119 and 0.500"):
        scene(skip_below=0.05)
    with pytest.raises(ValueError, match=r"between 0.260 and 0.500"):
        scene(skip_below=0.2, entropy_floor=0.37)
    loss, learner, guide = scene(temperature="learned", entropy_floor=0.2, skip_below=0.4)
    with torch.no_grad():
        loss.skipping.usual.copy_(torch.tensor([[0.3, 0.7], [0.5, 0.5], [0.7, 0.3]]))
    kept = loss.skipping.kept(1.0)
    found = loss.attention(learner, guide, kept)
    assert found[:, :, 0].eq(torch.tensor([0.0, 1.0])).all()
    torch.testing.assert_close(found.sum(-1), torch.ones(T, B, 3).double())
    loss(learner, guide, at(1.0)).backward()
    assert loss.temperature.log.grad.isfinite() and loss.temperature.log.grad


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"attention": "uniform", "skip_below": 0.2}, "skip_below shapes an attention that netw"),
        ({"attention": "diagonal", "temperature": "learned"}, "attention: diagonal is fixed; leav"),
        ({"attention": "uniform", "entropy_floor": 0.1}, "leave entropy_floor out, or choose att"),
        ({"attention": "detached", "temperature": "learned"}, "needs the gradient that attention"),
        ({"entropy_floor": 1.0}, "from 0 to below 1, not 1.0; for all of it choose attention: uni"),
        ({"entropy_floor": float("nan")}, "from 0 to below 1, not nan"),
        ({"temperature": 0.0}, "a positive number, not 0; give one from 1e-06 up, or temperature"),
        ({"temperature": float("inf")}, "not inf"),
        ({"temperature": Schedule(1.0, -0.5)}, "not 1 to -0.5"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(options, sentence):
    with pytest.raises(ValueError) as raised:
        scene(**options)
    assert sentence in str(raised.value)
