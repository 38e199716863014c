from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace
from spikedistill.costs.operations import macs
from spikedistill.methods import sastc
from spikedistill.methods.sastc import SASTC
from spikedistill.models.resnet import resnet19
from spikedistill.neurons.lif import LIF

FIXTURE = Path(__file__).parents[1] / "fixtures" / "sastc_case.npz"
T, B, MINE, GOALS = 3, 8, 2, 3
BATCH = Batch(inputs=torch.zeros(B, 1), targets=torch.zeros(B, dtype=torch.long))


@pytest.fixture(scope="module")
def case() -> dict[str, torch.Tensor]:
    with np.load(FIXTURE) as file:
        return {name: torch.from_numpy(file[name]) for name in file}


def spec(role: str, run: Trace, classes: int = 10) -> Spec:
    shapes = {name: tuple(value.shape) for name, value in run.taps.items()}
    return Spec(role, run.timesteps, run.outputs.shape[1], classes, shapes)


def traces(case: dict[str, torch.Tensor]) -> tuple[Trace, Trace]:
    student = {f"stage{i + 1}": case[f"student{i}"] for i in range(MINE)}
    teacher = {f"stage{j + 1}": case[f"teacher{j}"][None] for j in range(GOALS)}
    return Trace(torch.zeros(T, B, 10), student), Trace(torch.zeros(1, B, 10), teacher)


def built(case: dict[str, torch.Tensor], **options: object) -> SASTC:
    student, teacher = traces(case)
    loss = SASTC(spec("student", student), spec("teacher", teacher), **options).double()
    state = loss.state_dict()
    mine = {"hidden.weight": "W1", "hidden.bias": "b1", "out.weight": "W2", "out.bias": "b2"}
    for ours, theirs in mine.items():
        state |= {f"queries.{i}.{ours}": case[f"query{i}.{theirs}"] for i in range(MINE)}
        state |= {f"keys.{j}.{ours}": case[f"key{j}.{theirs}"] for j in range(GOALS)}
    for pair in range(MINE * GOALS):
        name = f"proj{pair // GOALS}{pair % GOALS}"
        state[f"gaps.projectors.{pair}.0.weight"] = case[f"{name}.conv3"]
        state[f"gaps.projectors.{pair}.3.weight"] = case[f"{name}.conv1"]
    loss.load_state_dict(state)
    return loss


@pytest.mark.parametrize(
    ("norm_over", "form"), [("time_and_batch", "folded"), ("batch", "per_step")]
)
def test_an_independent_computation_is_reproduced(case, norm_over, form):
    loss, (student, teacher) = built(case, norm_over=norm_over), traces(case)
    gaps = loss.gaps(student, teacher).unflatten(-1, (MINE, GOALS))
    torch.testing.assert_close(
        loss.attention(student, teacher), case["attention"], rtol=0, atol=1e-10
    )
    torch.testing.assert_close(gaps, case[f"gap_{form}"], rtol=0, atol=1e-10)
    assert abs(loss(student, teacher, BATCH).item() - case[f"loss_{form}"].item()) < 1e-10


def in_plain_loops(loss: SASTC, student: Trace, teacher: Trace) -> float:
    """The definition, one (t, i, j) at a time, with batch norm over the one step it sees."""

    def embed(mlp, features):
        flat = features.flatten(1)
        row = F.linear(flat @ flat.T, mlp.hidden.weight, mlp.hidden.bias).relu()
        row = F.linear(row, mlp.out.weight, mlp.out.bias)
        return row / row.norm(dim=1, keepdim=True)

    total = 0.0
    keys = [embed(loss.keys[j], teacher[f"stage{j + 1}"][0]) for j in range(GOALS)]
    for t in range(T):
        for i in range(MINE):
            query = embed(loss.queries[i], student[f"stage{i + 1}"][t])
            a = torch.stack([(query * key).sum(1) for key in keys], 1).softmax(1)
            for j in range(GOALS):
                mine, goal = student[f"stage{i + 1}"][t], teacher[f"stage{j + 1}"][0]
                conv3, _, _, conv1 = loss.gaps.projectors[i * GOALS + j]
                if mine.shape[-1] > goal.shape[-1]:
                    mine = F.adaptive_max_pool2d(mine, goal.shape[-2:])
                else:
                    goal = F.adaptive_avg_pool2d(goal, mine.shape[-2:])
                hidden = F.conv2d(mine, conv3.weight, padding=1)
                mean = hidden.mean((0, 2, 3), keepdim=True)
                var = hidden.var((0, 2, 3), correction=0, keepdim=True)
                hidden = ((hidden - mean) / (var + 1e-5).sqrt()).relu()
                squares = (F.conv2d(hidden, conv1.weight) - goal) ** 2
                total += (a[:, j] * squares.mean((1, 2, 3))).sum().item()
    return total / (T * B * MINE)


def test_equals_the_definition_in_plain_loops(case):
    loss, (student, teacher) = built(case, norm_over="batch"), traces(case)
    expected = in_plain_loops(loss, student, teacher)
    assert loss(student, teacher, BATCH).item() == pytest.approx(expected, rel=1e-12)


def test_attention_rows_sum_to_one_and_the_picture_is_their_mean(case):
    loss, (student, teacher) = built(case), traces(case)
    attention = loss.attention(student, teacher)
    assert attention.shape == (T, B, MINE, GOALS)
    torch.testing.assert_close(attention.sum(-1), torch.ones(T, B, MINE).double())
    picture = loss.picture(student, teacher)["attention"]
    torch.testing.assert_close(picture, attention.mean(1))


def test_a_duplicated_teacher_layer_gets_the_same_attention_twice(case):
    case = case | {"teacher1": case["teacher0"], "proj01.conv3": case["proj00.conv3"]}
    case |= {"proj01.conv1": case["proj00.conv1"]}
    case |= {f"key1.{name}": case[f"key0.{name}"] for name in ("W1", "b1", "W2", "b2")}
    case |= {"proj11.conv3": case["proj10.conv3"], "proj11.conv1": case["proj10.conv1"]}
    attention = built(case).attention(*traces(case))
    torch.testing.assert_close(attention[..., 0], attention[..., 1], rtol=0, atol=0)


def test_identical_features_with_identity_projectors_cost_nothing():
    maps = torch.rand(1, B, 3, 4, 4, dtype=torch.float64)
    student = Trace(torch.zeros(2, B, 10), {"stage1": maps.expand(2, -1, -1, -1, -1)})
    teacher = Trace(torch.zeros(1, B, 10), {"stage1": maps})
    loss = SASTC(spec("student", student), spec("teacher", teacher)).double()
    loss.gaps.projectors[0] = torch.nn.Identity()
    assert loss(student, teacher, BATCH).item() == 0.0


def test_a_spiking_guide_is_compared_step_by_step(case):
    student, _ = traces(case)
    steps = {f"stage{j + 1}": torch.rand_like(case["student0"]) for j in range(2)}
    guide = Trace(torch.zeros(T, B, 10), steps)
    loss = SASTC(spec("student", student), spec("guide", guide)).double().eval()
    whole = loss(student, guide, BATCH)
    one = [
        loss(cut(student, t), cut(guide, t), BATCH) for t in range(T)
    ]  # eval: no batch statistics, so the steps are independent
    torch.testing.assert_close(whole, torch.stack(one).mean())


def cut(run: Trace, t: int) -> Trace:
    taps = {name: value[t : t + 1] for name, value in run.taps.items()}
    return Trace(run.outputs[t : t + 1], taps)


def test_a_silent_layer_gives_finite_attention_and_gradients(case):
    student, teacher = traces(case)
    silent = torch.zeros_like(case["student0"], requires_grad=True)
    loss = built(case)
    for mlp in loss.queries:  # without biases a silent layer has the zero vector as its query
        torch.nn.init.zeros_(mlp.hidden.bias)
        torch.nn.init.zeros_(mlp.out.bias)
    run = Trace(student.outputs, {**student.taps, "stage1": silent})
    attention = loss.attention(run, teacher)
    torch.testing.assert_close(attention[:, :, 0], torch.full((T, B, GOALS), 1 / GOALS).double())
    loss(run, teacher, BATCH).backward()
    assert silent.grad is not None
    assert silent.grad.isfinite().all()


def test_half_precision_networks_leave_the_attention_in_float32(case):
    student, teacher = traces(case)
    half = [
        Trace(run.outputs, {name: value.bfloat16() for name, value in run.taps.items()})
        for run in (student, teacher)
    ]
    wide = [
        Trace(run.outputs, {name: value.float() for name, value in run.taps.items()})
        for run in half
    ]
    loss = built(case).float()
    with torch.autocast("cpu", torch.bfloat16):
        attention, value = loss.attention(*half), loss(*half, BATCH)
    assert attention.dtype == value.dtype == torch.float32
    torch.testing.assert_close(attention, loss.attention(*wide), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(value, loss(*wide, BATCH), rtol=2e-2, atol=0)


def test_channels_last_maps_give_the_same_loss(case):
    student, teacher = traces(case)
    other = [
        Trace(
            run.outputs,
            {n: v.movedim(2, -1).contiguous().movedim(-1, 2) for n, v in run.taps.items()},
        )
        for run in (student, teacher)
    ]
    loss = built(case)
    torch.testing.assert_close(loss(*other, BATCH), loss(student, teacher, BATCH))


def refused(student: Spec, teacher: Spec, *facts: str, **options) -> None:
    with pytest.raises(ValueError) as raised:
        SASTC(student, teacher, **options)
    for fact in facts:
        assert fact in str(raised.value)


def test_a_pair_that_cannot_work_is_refused_with_both_facts():
    def side(role, T=2, B=8, classes=10, shape=(4, 8, 8), tap="stage1"):
        return Spec(role, T, B, classes, {tap: (T, B, *shape), "pooled": (T, B, 4)})

    student, teacher = side("student"), side("teacher", T=1)
    refused(student, side("teacher", T=4), "student runs 2", "teacher 4")
    refused(student, side("teacher", T=1, classes=100), "student has 10", "teacher 100")
    refused(side("student", B=3), teacher, "at least 4", "has 3")
    refused(student, side("teacher", T=1, tap="features"), "'stage[0-9]'", "features, pooled")
    refused(student, teacher, "'pooled'", "(2, 8, 4)", "[T, B, C, H, W]", learner_taps=["pooled"])
    refused(student, teacher, "'pooled'", "teacher", guide_taps=["pooled"])


def test_the_default_taps_are_stages_and_not_their_activations():
    shapes = {"stage1": (2, 8, 4, 8, 8), "stage1_activated": (2, 8, 4, 8, 8)}
    loss = SASTC(Spec("student", 2, 8, 10, shapes), Spec("teacher", 2, 8, 10, shapes))
    assert loss.needs.learner == loss.needs.guide == ("stage1",)


def test_a_partial_batch_gets_a_sentence(case):
    loss, (student, teacher) = built(case), traces(case)
    part = [
        Trace(run.outputs[:, :5], {name: value[:, :5] for name, value in run.taps.items()})
        for run in (student, teacher)
    ]
    with pytest.raises(ValueError, match="batches of 8 and got one of 5"):
        loss(*part, BATCH)


def test_the_default_is_the_full_form_and_adds_nothing_to_the_state(case):
    names = set(built(case).state_dict())
    assert not any(name.startswith("skipping") for name in names)
    loss, (student, teacher) = built(case), traces(case)
    said = built(case, projector="full", grid=None, skip_below=0.0)
    late = Batch(BATCH.inputs, BATCH.targets, progress=0.99)
    assert torch.equal(loss(student, teacher, BATCH), said(student, teacher, late))


@pytest.mark.parametrize("projector", ["pointwise", "grouped", "shared"])
def test_a_light_form_is_the_same_sum_over_other_gaps(case, projector):
    student, teacher = traces(case)
    specs = spec("student", student), spec("teacher", teacher)
    loss = SASTC(*specs, projector=projector).double()
    attention, gaps = loss.attention(student, teacher), loss.gaps(student, teacher)
    total = 0.0
    for t in range(T):
        for b in range(B):
            for i in range(MINE):
                for j in range(GOALS):
                    total += (attention[t, b, i, j] * gaps[t, b, i * GOALS + j]).item()
    assert loss(student, teacher, BATCH).item() == pytest.approx(total / (T * B * MINE))
    loss(student, teacher, BATCH).backward()
    assert all(parameter.grad.any() for parameter in loss.parameters())


def resnet19_pair(**options: object) -> float:
    """Multiply-adds of the projectors as a multiple of the student's, ResNet-19 of three stages."""
    maps = {"stage1": (128, 32, 32), "stage2": (256, 16, 16), "stage3": (512, 8, 8)}

    def side(role: str, steps: int) -> tuple[Spec, Trace]:
        taps = {n: torch.zeros(steps, 4, *s, device="meta") for n, s in maps.items()}
        run = Trace(torch.zeros(steps, 4, 10, device="meta"), taps)
        return spec(role, run), run

    (student, mine), (teacher, theirs) = side("student", 2), side("teacher", 1)
    loss = SASTC(student, teacher, **options).to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        loss.gaps(mine, theirs)
    images = 2 * 4
    return counter.get_total_flops() / 2 / images / macs(resnet19(LIF()), torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize(
    ("projector", "free", "limited"),
    [
        ("full", 0.849, 0.477),
        ("pointwise", 0.042, 0.023),
        ("grouped", 0.043, 0.024),
        ("shared", 0.023, 0.023),
    ],
)
def test_the_cost_in_the_docstring_is_what_the_projectors_compute(projector, free, limited):
    assert f"{projector} {free:.3f}" in (sastc.__doc__ or "").replace("\n", " ")
    assert resnet19_pair(projector=projector) == pytest.approx(free, abs=5e-4)
    assert resnet19_pair(projector=projector, grid=8) == pytest.approx(limited, abs=5e-4)


def skipping(case: dict[str, torch.Tensor], projector: str = "full") -> SASTC:
    """Skips pair (0, 1) and pair (1, 2) from half of the budget on."""
    student, teacher = traces(case)
    options = {"projector": projector, "skip_below": 0.2, "skip_after": 0.5}
    loss = SASTC(spec("student", student), spec("teacher", teacher), **options).double()
    loss.skipping.usual.copy_(torch.tensor([[0.5, 0.1, 0.4], [0.4, 0.5, 0.1]]))
    return loss


LATE = Batch(BATCH.inputs, BATCH.targets, progress=0.5)


@pytest.mark.parametrize("projector", ["full", "shared"])
def test_skipped_pairs_leave_the_sum_and_the_rest_share_the_attention(case, projector):
    loss, (student, teacher) = skipping(case, projector).eval(), traces(case)
    attention = loss.attention(student, teacher)
    gaps = loss.gaps(student, teacher).unflatten(-1, (MINE, GOALS))
    expected = 0.0
    for i, kept in enumerate(([0, 2], [0, 1])):
        share = attention[:, :, i, kept] / attention[:, :, i, kept].sum(-1, keepdim=True)
        expected += (share * gaps[:, :, i, kept]).sum(-1).mean().item() / MINE
    early = (attention * gaps).sum(-1).mean().item()
    assert loss(student, teacher, LATE).item() == pytest.approx(expected)
    assert loss(student, teacher, BATCH).item() == pytest.approx(early)
    assert abs(expected - early) > 1e-3


def test_skipped_projectors_get_a_gradient_of_zero_and_are_not_run(case):
    loss, (student, teacher) = skipping(case), traces(case)
    ran = []
    for number, projector in enumerate(loss.gaps.projectors):
        projector.register_forward_hook(lambda *_, number=number: ran.append(number))
    loss(student, teacher, LATE).backward()
    assert ran == [0, 2, 3, 4]
    for number, projector in enumerate(loss.gaps.projectors):
        for parameter in projector.parameters():
            assert parameter.grad is not None
            assert parameter.grad.any() == (number in ran)


def test_the_choice_of_pairs_is_part_of_the_state(case):
    loss, (student, teacher) = skipping(case), traces(case)
    before = loss.skipping.usual.clone()
    loss(student, teacher, LATE)
    moved = loss.skipping.usual
    assert moved.ne(before).tolist() == [[True, False, True], [True, True, False]]
    fresh = SASTC(
        spec("student", student), spec("teacher", teacher), skip_below=0.2, skip_after=0.5
    ).double()
    fresh.load_state_dict(loss.state_dict())
    assert torch.equal(fresh.skipping.usual, moved)
    assert fresh(student, teacher, LATE).item() == loss(student, teacher, LATE).item()


def test_evaluation_does_not_move_the_running_mean(case):
    loss, (student, teacher) = skipping(case).eval(), traces(case)
    before = loss.skipping.usual.clone()
    loss(student, teacher, LATE)
    assert torch.equal(loss.skipping.usual, before)


@pytest.mark.parametrize("projector", ["full", "pointwise", "grouped", "shared"])
def test_no_parameter_is_without_gradient_where_pairs_are_skipped(case, projector):
    loss, (student, teacher) = skipping(case, projector), traces(case)
    loss(student, teacher, LATE).backward()  # data-parallel processes would wait for the gradient
    missing = [name for name, parameter in loss.named_parameters() if parameter.grad is None]
    assert not missing


def test_options_out_of_range_are_refused_with_a_sentence(case):
    pair = [spec(role, run) for role, run in zip(("student", "teacher"), traces(case), strict=True)]
    refused(*pair, "grid=0", grid=0)
    refused(*pair, "skip_below=0.5", "between 0.063 and 0.333", skip_below=0.5)
