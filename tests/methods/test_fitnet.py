from __future__ import annotations

import pytest
import torch

from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace
from spikedistill.methods.fitnet import FitNet
from spikedistill.methods.sastc import SASTC

T, B = 2, 8
BATCH = Batch(torch.zeros(B, 1), torch.zeros(B, dtype=torch.long))
GRIDS = {"stage1": (3, 8, 8), "stage2": (4, 4, 4), "stage3": (5, 2, 2)}


def run(role: str, steps: int, stages: int) -> tuple[Spec, Trace]:
    chosen = list(GRIDS.items())[:stages]
    taps = {name: torch.rand(steps, B, *shape).double() for name, shape in chosen}
    shapes = {name: tuple(value.shape) for name, value in taps.items()}
    return Spec(role, steps, B, 10, shapes), Trace(torch.zeros(steps, B, 10), taps)


@pytest.mark.parametrize(
    ("mine", "theirs", "pairs"),
    [
        (3, 3, {"stage1": "stage1", "stage2": "stage2", "stage3": "stage3"}),
        (3, 2, {"stage1": "stage1", "stage2": "stage1", "stage3": "stage2"}),
        (2, 3, {"stage1": "stage1", "stage2": "stage2"}),
    ],
)
def test_stages_are_paired_by_their_share_of_the_depth(mine, theirs, pairs):
    loss = FitNet(run("student", T, mine)[0], run("teacher", 1, theirs)[0])
    assert dict(loss.gaps.pairs) == pairs


def test_equals_sastc_with_a_fixed_one_hot_attention():
    (student, learner), (teacher, guide) = run("student", T, 3), run("teacher", 1, 3)
    sastc, fitnet = SASTC(student, teacher).double(), FitNet(student, teacher).double()
    for pair, projector in zip(fitnet.gaps.pairs, fitnet.gaps.projectors, strict=True):
        twin = sastc.gaps.projectors[sastc.gaps.pairs.index(pair)]
        projector.load_state_dict(twin.state_dict())
    gaps = sastc.gaps(learner, guide).unflatten(-1, (3, 3))
    attention = torch.eye(3).double().expand(T, B, 3, 3)
    expected = (attention * gaps).sum() / (T * B * 3)
    assert fitnet(learner, guide, BATCH).item() == pytest.approx(expected.item(), rel=1e-12)


def test_only_the_chosen_pairs_are_watched():
    (student, learner), (teacher, guide) = run("student", T, 3), run("teacher", 1, 3)
    loss = FitNet(student, teacher, pairs={"stage3": "stage2", "stage2": "stage2"}).double()
    assert (loss.needs.learner, loss.needs.guide) == (("stage3", "stage2"), ("stage2",))
    seen = Trace(learner.outputs, {name: learner[name] for name in loss.needs.learner})
    value = loss(seen, guide, BATCH)
    assert value.item() == pytest.approx(loss.gaps(learner, guide).mean().item())


def test_pairs_that_cannot_work_are_refused():
    student, teacher = run("student", T, 3)[0], run("teacher", 1, 3)[0]
    with pytest.raises(ValueError, match="teacher declares no tap 'stage9'"):
        FitNet(student, teacher, pairs={"stage1": "stage9"})
    with pytest.raises(ValueError, match="at least one pair"):
        FitNet(student, teacher, pairs={})
    with pytest.raises(ValueError, match="student runs 2 steps and the teacher 4"):
        FitNet(student, run("teacher", 4, 3)[0])
