from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spikedistill.core.spec import Spec
from spikedistill.core.trace import Trace
from spikedistill.projectors import ProjectedGaps, Projector, StepBatchNorm


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
