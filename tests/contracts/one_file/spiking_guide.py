"""A stranger's file: one that needs a spiking guide."""

from __future__ import annotations

from spikedistill import Loss, Needs


class Spikes(Loss):
    guide = "spiking"

    def __init__(self, learner, guide=None):
        super().__init__(learner, guide)
        self.needs = Needs(("spikes5",), ("spikes5",))

    def forward(self, learner, guide, batch):
        return (learner["spikes5"].mean(0) - guide["spikes5"].mean(0)).square().mean()
