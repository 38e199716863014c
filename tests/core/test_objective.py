from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.loss import Loss, Needs
from spikedistill.core.objective import Objective, Role, Term
from spikedistill.core.schedule import Pieces, Schedule
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace

SPEC = Spec("student", 1, 2, 3, {"stage1": (1, 2, 3), "stage2": (1, 2, 3)})


class Product(Loss):
    """The summed product of the two outputs, times a learned scale."""

    def __init__(self, learner, guide=None, *, width=1, taps=(), parameters=()) -> None:
        super().__init__(learner, guide)
        self.scale = nn.Parameter(torch.ones(width))
        self.needs = Needs(tuple(taps), tuple(taps[:1]), tuple(parameters), ())

    def forward(self, learner, guide, batch) -> Tensor:
        return self.scale.sum() * (learner.outputs * guide.outputs).sum()


class Other(Product):
    """The same under another name."""


def product(**options) -> Product:
    return Product(SPEC, SPEC, **options)


def run(value: float) -> Trace:
    return Trace(torch.full((1, 2, 3), value, requires_grad=True))


def batch(progress: float = 0.0) -> Batch:
    return Batch(torch.zeros(2, 1), torch.zeros(2, dtype=torch.long), progress=progress)


def test_the_total_is_weighted_and_the_parts_are_not():
    ramp = Schedule(0.0, 10.0)
    objective = Objective([Term("a", product(), weight=2.0), Term("b", product(), weight=ramp)])
    total, parts = objective({"student": run(1.0), "teacher": run(2.0)}, batch(progress=0.5))
    assert {name: part.item() for name, part in parts.items()} == {"a": 12.0, "b": 12.0}
    assert total.item() == 2.0 * 12.0 + 5.0 * 12.0
    assert not any(part.requires_grad for part in parts.values())


@pytest.mark.parametrize("detach", [True, False])
def test_the_guide_gets_gradient_only_where_the_term_says_so(detach):
    student, teacher = run(1.0), run(2.0)
    objective = Objective([Term("a", product(), detach=detach)])
    objective({"student": student, "teacher": teacher}, batch())[0].backward()
    assert student.outputs.grad.tolist() == [[[2.0] * 3] * 2]
    assert (teacher.outputs.grad is None) == detach


def test_what_a_role_must_show_is_gathered_over_seats_and_terms():
    objective = Objective(
        [
            Term("a", product(taps=("stage1", "stage2"), parameters=("fc.weight",))),
            Term("b", product(taps=("stage2",)), learner="teacher", guide="student"),
        ]
    )
    assert objective.wanted("student") == (("stage1", "stage2"), ("fc.weight",))
    assert objective.wanted("teacher") == (("stage1", "stage2"), ())
    assert objective.wanted("nobody") == ((), ())


def test_parameters_of_all_losses_belong_to_the_objective():
    objective = Objective([Term("a", product(width=2)), Term("b", product(width=3))])
    assert sorted(objective.state_dict()) == ["losses.a.scale", "losses.b.scale"]


def test_a_later_phase_adopts_what_terms_of_the_same_name_and_class_learned():
    earlier = Objective([Term("a", product()), Term("b", product()), Term("c", product())])
    with torch.no_grad():
        for number, parameter in enumerate(earlier.parameters(), 1):
            parameter.fill_(number)
    later = Objective([Term("b", product()), Term("c", Other(SPEC, SPEC)), Term("d", product())])
    assert later.adopt(earlier) == ("b",)
    assert {name: loss.scale.item() for name, loss in later.losses.items()} == {
        "b": 2.0,
        "c": 1.0,
        "d": 1.0,
    }


def test_modules_of_another_size_cannot_be_handed_on():
    earlier, later = (Objective([Term("a", product(width=width))]) for width in (2, 3))
    with pytest.raises(ValueError, match="'a' learned other sizes in the phase before"):
        later.adopt(earlier)


def test_faulty_objectives_and_roles_get_a_sentence():
    with pytest.raises(ValueError, match="at least one term"):
        Objective([])
    with pytest.raises(ValueError, match="two terms are called a"):
        Objective([Term("a", product()), Term("a", product())])
    with pytest.raises(ValueError, match="timesteps=0"):
        Role(nn.Identity(), timesteps=0)


def test_a_role_that_learns_cannot_be_recorded():
    with pytest.raises(ValueError, match="a role that learns answers differently each time"):
        Role(nn.Identity(), trainable=True, record=True)


@pytest.mark.parametrize(
    ("weight", "number"),
    [
        (-1.0, "is -1.0"),
        (float("nan"), "is nan"),
        (float("inf"), "is inf"),
        (Schedule(0.0, -2.0), "becomes -2.0"),
        (Schedule(-0.5, 1.0), "becomes -0.5"),
        (Pieces((Schedule(0.0, 1.0, until=0.5), Schedule(1.0, -1.0, begin=0.5))), "becomes -1.0"),
    ],
)
def test_a_weight_below_zero_is_refused(weight, number):
    with pytest.raises(SpikedistillError, match=f"the term 'a': a weight is 0 or .* {number};"):
        Term("a", product(), weight=weight)
    assert Term("a", product(), weight=0.0).weight == 0.0
