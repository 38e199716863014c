"""Optimiser groups and learning rates."""

import pytest
import torch
from torch import nn

from spikedistill.training.optim import build_optimizer, build_optimizers, learning_rate
from spikedistill.training.settings import Settings


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 3))


def test_decay_acts_on_kernels_only_by_default():
    groups = build_optimizer(network(), Settings(weight_decay=0.5)).param_groups
    sizes = [(group["weight_decay"], [p.dim() for p in group["params"]]) for group in groups]
    assert sizes == [(0.5, [4, 2]), (0.0, [1, 1, 1, 1])]


def test_decay_all_is_one_group():
    settings = Settings(weight_decay=0.5, decay="all")
    (group,) = build_optimizer(network(), settings).param_groups
    assert (len(group["params"]), group["weight_decay"]) == (6, 0.5)


def test_frozen_parameters_are_left_out():
    module = network()
    module[0].requires_grad_(False)
    optimizer = build_optimizer(module, Settings(optimizer="adamw", lr=1e-3))
    assert isinstance(optimizer, torch.optim.AdamW)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 4


def addresses(optimizer: torch.optim.Optimizer) -> set[int]:
    return {id(p) for group in optimizer.param_groups for p in group["params"]}


def test_a_role_of_its_own_settings_has_an_optimiser_of_its_own():
    student, guide, mapped = network(), network(), nn.Linear(2, 2)
    everything = nn.ModuleList([student, guide, mapped])
    settings = Settings(lr=0.1, weight_decay=0.5)
    own = {"guide": {"lr": 0.01, "optimizer": "adamw", "weight_decay": 0.25}}
    networks = {"student": student, "guide": guide}
    (rest, first), (apart, second) = build_optimizers(everything, settings, own, networks)
    assert first is settings and isinstance(rest, torch.optim.SGD)
    assert addresses(rest) == {id(p) for part in (student, mapped) for p in part.parameters()}
    assert (second.lr, second.optimizer, second.momentum) == (0.01, "adamw", settings.momentum)
    assert isinstance(apart, torch.optim.AdamW)
    assert addresses(apart) == {id(p) for p in guide.parameters()}
    assert [group["weight_decay"] for group in apart.param_groups] == [0.25, 0.0]


def test_one_optimiser_where_no_role_has_settings_of_its_own_and_none_for_nothing():
    student = network()
    ((only, settings),) = build_optimizers(student, Settings(), {}, {"student": student})
    assert addresses(only) == {id(p) for p in student.parameters()} and settings == Settings()
    own = {"student": {"lr": 0.5}}
    ((only, settings),) = build_optimizers(student, Settings(), own, {"student": student})
    assert addresses(only) == {id(p) for p in student.parameters()} and settings.lr == 0.5


def test_no_epoch_at_all_is_possible():
    assert Settings(epochs=0).epochs == 0


def test_the_step_schedule_of_sastc():
    settings = Settings(epochs=240, lr=0.01, schedule="step", milestones=(150, 180, 210))
    rates = [learning_rate(settings, epoch) for epoch in (0, 149.9, 150, 180, 239)]
    assert rates == pytest.approx([0.01, 0.01, 1e-3, 1e-4, 1e-5])


def test_warm_up_then_cosine():
    settings = Settings(epochs=12, lr=0.4, warmup=2)
    rates = [learning_rate(settings, epoch) for epoch in (0, 1, 2, 7, 12)]
    assert rates == pytest.approx([0, 0.2, 0.4, 0.2, 0])


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"epochs": 2, "warmup": 3}, "warmup is 0 or more and at most all 2 epochs, not 3"),
        pytest.param(
            {"batch_size": 2.5},
            "batch_size must be a whole number, not 2.5",
            marks=pytest.mark.wrong_types,
        ),
        ({"epochs": -1}, "epochs must be at least 0, not -1"),
        ({"lr": 0.0}, "lr must be above 0"),
        ({"schedule": "step"}, "needs milestones"),
        ({"ema": 1.0}, "between 0 and 1"),
        ({"clip": -1.0}, "above 0"),
    ],
)
def test_impossible_settings_are_refused(option, words):
    with pytest.raises(ValueError, match=words):
        Settings(**option)
