from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spikedistill.core.spec import Spec
from spikedistill.core.trace import Trace
from spikedistill.projectors import (
    GroupedProjector,
    PointwiseProjector,
    ProjectedGaps,
    Projector,
    SharedGaps,
    StepBatchNorm,
)


def test_the_projector_is_conv3x3_norm_relu_conv1x1_without_biases():
    projector, maps = Projector(3, 5), torch.randn(4, 3, 6, 6)
    conv3, norm, _, conv1 = projector
    hidden = F.conv2d(maps, conv3.weight, padding=1)
    hidden = F.batch_norm(hidden, None, None, norm.weight, norm.bias, training=True).relu()
    torch.testing.assert_close(projector(maps), F.conv2d(hidden, conv1.weight))
    assert (conv3.weight.shape, conv1.weight.shape) == ((10, 3, 3, 3), (5, 10, 1, 1))
    assert conv3.bias is None and conv1.bias is None


def test_step_norm_normalises_each_step_by_itself():
    steps = torch.randn(3, 4, 2, 5, 5) * torch.tensor([1.0, 5.0, 20.0]).view(3, 1, 1, 1, 1)
    norm, plain = StepBatchNorm(2, timesteps=3), nn.BatchNorm2d(2)
    nn.init.constant_(norm.weight, 2.0)
    nn.init.constant_(plain.weight, 2.0)
    alone = [plain.forward(step) for step in steps]
    torch.testing.assert_close(norm(steps.flatten(0, 1)), torch.cat(alone))


def test_the_running_statistics_of_step_norm_are_the_mean_over_steps():
    steps = torch.stack([torch.randn(64, 1, 4, 4) + mean for mean in (0.0, 10.0)])
    norm = StepBatchNorm(1, timesteps=2)
    norm(steps.flatten(0, 1))
    assert norm.running_mean.item() == pytest.approx(0.1 * steps.mean().item(), rel=1e-4)
    spread = steps.transpose(0, 1).flatten(1, 2).var((0, 2, 3)).mean()
    assert norm.running_var.item() == pytest.approx(0.9 + 0.1 * spread.item(), rel=1e-4)
    norm.eval()
    plain = nn.BatchNorm2d(1).eval()
    plain.load_state_dict(norm.state_dict(), strict=False)
    torch.testing.assert_close(norm(steps.flatten(0, 1)), plain(steps.flatten(0, 1)))


def test_pairs_meet_on_the_smaller_grid():
    student = {"a": torch.rand(2, 3, 4, 8, 8), "b": torch.rand(2, 3, 4, 2, 2)}
    teacher = {"c": torch.rand(1, 3, 4, 4, 4)}
    specs = [
        Spec("s", steps, 3, 10, {n: tuple(v.shape) for n, v in taps.items()})
        for steps, taps in ((2, student), (1, teacher))
    ]
    gaps = ProjectedGaps(*specs, [("a", "c"), ("b", "c")])
    gaps.projectors = nn.ModuleList([nn.Identity(), nn.Identity()])
    values = gaps(Trace(torch.zeros(2, 3, 10), student), Trace(torch.zeros(1, 3, 10), teacher))
    for t in range(2):
        pooled = F.max_pool2d(student["a"][t], 2)  # 8 x 8 meets 4 x 4: maximum of the learner
        first = (pooled - teacher["c"][0]).square().mean((1, 2, 3))
        mean = F.avg_pool2d(teacher["c"][0], 2)  # 2 x 2 meets 4 x 4: average of the guide
        second = (student["b"][t] - mean).square().mean((1, 2, 3))
        torch.testing.assert_close(values[t], torch.stack([first, second], 1))


def test_a_tap_without_a_grid_is_refused():
    spec = Spec("teacher", 1, 8, 10, {"pooled": (1, 8, 64), "stage1": (1, 8, 4, 2, 2)})
    with pytest.raises(ValueError, match=r"'pooled' of the teacher has the shape \(1, 8, 64\)"):
        ProjectedGaps(spec, spec, [("stage1", "pooled")])


def test_a_tap_in_the_stem_that_is_computed_once_is_refused():
    student = Spec("student", 2, 4, 10, {"stage1": (1, 4, 3, 8, 8)})
    teacher = Spec("teacher", 1, 4, 10, {"stage1": (1, 4, 3, 8, 8)})
    with pytest.raises(ValueError, match="shows 1 step where the student runs 2"):
        ProjectedGaps(student, teacher, [("stage1", "stage1")])


def normal(maps: torch.Tensor) -> torch.Tensor:
    """Batch norm by its definition, with weight 1 and bias 0."""
    mean, var = maps.mean((0, 2, 3), keepdim=True), maps.var((0, 2, 3), correction=0, keepdim=True)
    return (maps - mean) / (var + 1e-5).sqrt()


def test_the_pointwise_projector_is_norm_after_one_product_per_position():
    projector, maps = PointwiseProjector(3, 5), torch.randn(4, 3, 6, 6)
    product = torch.einsum("dc,nchw->ndhw", projector[0].weight[..., 0, 0], maps)
    torch.testing.assert_close(projector(maps), normal(product))


def grouped_in_plain_loops(weights: torch.Tensor, out: torch.Tensor, maps: torch.Tensor):
    """conv1x1 . relu . norm . 3x3 filters, one channel, row and column at a time."""
    padded, filtered = F.pad(maps, (1, 1, 1, 1)), torch.zeros_like(maps)
    for c in range(maps.shape[1]):
        for y in range(maps.shape[2]):
            for x in range(maps.shape[3]):
                window = padded[:, c, y : y + 3, x : x + 3]
                filtered[:, c, y, x] = (window * weights[c, 0]).sum((1, 2))
    return torch.einsum("dc,nchw->ndhw", out[..., 0, 0], normal(filtered).clamp(min=0))


def test_the_grouped_projector_filters_every_channel_by_itself():
    projector, maps = GroupedProjector(3, 5), torch.randn(4, 3, 4, 4)
    expected = grouped_in_plain_loops(projector[0].weight, projector[3].weight, maps)
    torch.testing.assert_close(projector(maps), expected)


def sides(**kind: torch.dtype) -> tuple[tuple[Spec, Trace], tuple[Spec, Trace]]:
    """Two layers of a learner (T = 2), three of a guide, B = 3."""
    mine = {"a": torch.rand(2, 3, 4, 8, 8, **kind), "b": torch.rand(2, 3, 6, 4, 4, **kind)}
    theirs = {
        "c": torch.rand(1, 3, 5, 8, 8, **kind),
        "d": torch.rand(1, 3, 7, 4, 4, **kind),
        "e": torch.rand(1, 3, 2, 4, 4, **kind),
    }
    found = []
    for role, steps, taps in (("learner", 2, mine), ("guide", 1, theirs)):
        shapes = {name: tuple(value.shape) for name, value in taps.items()}
        found.append((Spec(role, steps, 3, 10, shapes), Trace(torch.zeros(steps, 3, 10), taps)))
    return tuple(found)


PAIRS = [(i, j) for i in "ab" for j in "cde"]


def test_the_shared_projector_answers_for_every_guide_layer_on_the_smallest_grid():
    (learner, mine), (guide, theirs) = sides(dtype=torch.float64)
    gaps = SharedGaps(learner, guide, "ab", "cde").double()
    found = gaps(mine, theirs)
    assert gaps.grids == ((4, 4), (4, 4))
    for i, tap in enumerate("ab"):
        maps = mine[tap] if tap == "b" else F.max_pool3d(mine[tap], (1, 2, 2))
        conv3, _, _, conv1 = gaps.projectors[i]
        rows = conv1.weight.split([5, 7, 2])
        for j, (other, row) in enumerate(zip("cde", rows, strict=True)):
            goal = F.avg_pool2d(theirs[other][0], 2) if other == "c" else theirs[other][0]
            answer = grouped_in_plain_loops(conv3.weight, row, maps.flatten(0, 1))
            expected = (answer.unflatten(0, (2, 3)) - goal).square().mean((2, 3, 4))
            torch.testing.assert_close(found[..., 3 * i + j], expected)


def test_a_limit_on_the_grid_holds_for_every_pair():
    (learner, mine), (guide, theirs) = sides()
    gaps = ProjectedGaps(learner, guide, PAIRS[:2], projector=PointwiseProjector, finest=2)
    assert gaps.grids == ((2, 2), (2, 2))
    gaps.projectors[0] = nn.Conv2d(4, 5, 1)
    small = gaps.projectors[0](F.max_pool3d(mine["a"], (1, 4, 4)).flatten(0, 1)).unflatten(
        0, (2, 3)
    )
    expected = (small - F.avg_pool2d(theirs["c"][0], 4)).square().mean((2, 3, 4))
    torch.testing.assert_close(gaps(mine, theirs)[..., 0], expected)
    assert SharedGaps(learner, guide, "a", "c", finest=3).grids == ((3, 3),)
    with pytest.raises(ValueError, match="at least 1 x 1; got grid=0"):
        ProjectedGaps(learner, guide, PAIRS, finest=0)


def forms(learner: Spec, guide: Spec) -> dict[str, nn.Module]:
    return {
        "own": ProjectedGaps(learner, guide, PAIRS),
        "shared": SharedGaps(learner, guide, "ab", "cde"),
    }


@pytest.mark.parametrize("form", ["own", "shared"])
@pytest.mark.parametrize("skipped", [(1, 3), (0, 1, 2)])
def test_skipped_pairs_cost_nothing_and_leave_the_others_alone(form, skipped):
    (learner, mine), (guide, theirs) = sides()
    gaps = forms(learner, guide)[form]
    whole, part = gaps(mine, theirs), gaps(mine, theirs, skipped)
    kept = [n for n in range(6) if n not in skipped]
    torch.testing.assert_close(part[..., kept], whole[..., kept])
    assert part[..., list(skipped)].eq(0).all()
    part.sum().backward()
    for number in range(6):
        last = gaps.projectors[number if form == "own" else number // 3][3].weight
        rows = last.grad if form == "own" else last.grad.split([5, 7, 2])[number % 3]
        assert rows.any() == (number in kept), number
    assert all(parameter.grad is not None for parameter in gaps.parameters())
