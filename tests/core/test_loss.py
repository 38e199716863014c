from __future__ import annotations

import pytest
import torch
from torch import Tensor

from spikedistill.core.loss import Loss, Needs, refuse_classes, refuse_timesteps
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Trace

STUDENT = Spec("student", 2, 8, 10)


class Alone(Loss):
    uses_guide = False

    def forward(self, learner, guide, batch) -> Tensor:
        return learner.outputs.sum()


class Compared(Alone):
    uses_guide = True


def test_a_loss_asks_for_nothing_and_draws_nothing_until_it_says_so():
    loss = Alone(STUDENT)
    assert loss.needs == Needs()
    assert loss.picture(Trace(torch.zeros(2, 8, 10)), None) == {}
    assert not loss.full_batches


def test_a_comparison_without_a_guide_is_refused():
    with pytest.raises(ValueError, match="Compared compares the student with a guide, and none"):
        Compared(STUDENT)
    assert isinstance(Compared(STUDENT, STUDENT), torch.nn.Module)


def test_classes_must_agree():
    refuse_classes("kd", STUDENT, Spec("teacher", 1, 8, 10))
    with pytest.raises(ValueError, match="student has 10 classes and the teacher 100"):
        refuse_classes("kd", STUDENT, Spec("teacher", 1, 8, 100))


@pytest.mark.parametrize(("steps", "fits"), [(1, True), (2, True), (4, False)])
def test_a_guide_runs_one_step_or_as_many_as_the_learner(steps, fits):
    guide = Spec("teacher", steps, 8, 10)
    if fits:
        refuse_timesteps("kd", STUDENT, guide)
        return
    with pytest.raises(ValueError, match="student runs 2 steps and the teacher 4"):
        refuse_timesteps("kd", STUDENT, guide)


class Spikes(Compared):
    guide = "spiking"


def test_a_comparison_of_spikes_needs_a_guide_with_neurons():
    assert Spikes(STUDENT, Spec("teacher", 2, 8, 10, spiking=True)).uses_guide
    with pytest.raises(ValueError, match="Spikes compares spikes with spikes, and the teacher has"):
        Spikes(STUDENT, Spec("teacher", 1, 8, 10))
