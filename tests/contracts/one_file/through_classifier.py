"""A stranger's file: one that needs the guide's classifier."""

from __future__ import annotations

from torch import nn

from spikedistill import Loss, Needs


class Through(Loss):
    def __init__(self, learner, guide=None):
        super().__init__(learner, guide)
        names = tuple(f"{guide.classifier}.{part}" for part in ("weight", "bias"))
        self.needs = Needs(learner=("pooled",), guide_parameters=names)

    def forward(self, learner, guide, batch):
        weight, bias = guide.parameters.values()
        seen = nn.functional.linear(learner["pooled"].mean(0), weight, bias)
        return nn.functional.cross_entropy(seen, batch.targets)
