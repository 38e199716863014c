"""A stranger's file: a method with a projector."""

from __future__ import annotations

from torch import nn

from spikedistill import Loss, Needs


class Projected(Loss):
    def __init__(self, learner, guide=None, *, tap: str = "stage2"):
        super().__init__(learner, guide)
        self.needs = Needs((tap,), (tap,))
        self.map = nn.Linear(learner.width(tap), guide.width(tap))

    def forward(self, learner, guide, batch):
        (tap,) = self.needs.learner
        mine, goal = (run[tap].mean((0, 3, 4)) for run in (learner, guide))
        return (self.map(mine) - goal).square().mean()
