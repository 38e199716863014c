"""A stranger's file: one that draws random numbers."""

from __future__ import annotations

import torch

from spikedistill import Loss


class Noisy(Loss):
    draws = True

    def forward(self, learner, guide, batch):
        noise = torch.rand(guide.logits.shape, generator=batch.generator)
        return (learner.logits - guide.logits - noise).square().mean()
