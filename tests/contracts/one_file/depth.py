"""A stranger's file: a metric."""

from __future__ import annotations

from spikedistill import Metric


class Depth(Metric):
    name, unit, higher_is_better, needs = "depth", "", False, ("pooled",)

    def __init__(self, scale: float = 1.0):
        self.scale, self.total, self.count = scale, 0.0, 0

    def update(self, answer, batch):
        self.total += float(answer["pooled"].mean(0).sum())
        self.count += len(batch)

    def value(self):
        return self.scale * self.total / self.count
