"""A stranger's file: a logit method."""

from __future__ import annotations

from spikedistill import Loss


class Gap(Loss):
    def __init__(self, learner, guide=None, *, power: float = 2.0):
        super().__init__(learner, guide)
        self.power = power

    def forward(self, learner, guide, batch):
        return (learner.logits - guide.logits).abs().pow(self.power).mean()
