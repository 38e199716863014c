"""A stranger's file: two inputs and two outputs."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import Dataset

from spikedistill import Loss, Metric, Task
from spikedistill.data import collate_tensors


class Pairs(Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, n):
        one, two = (torch.sin(torch.arange(4.0) * k + n) for k in (1.0, 2.0))
        return {"template": one, "search": two}, {"score": one.mean(), "box": one + two}


class Gap(Metric):
    name, unit, higher_is_better = "box_gap", "", False

    def __init__(self):
        self.total, self.count = 0.0, 0

    def update(self, answer, batch):
        gap = (answer.named["box"].mean(0) - batch.targets["box"]).abs().mean(-1)
        self.total, self.count = self.total + float(gap.sum()), self.count + len(gap)

    def value(self):
        return self.total / self.count


def check_targets(batch, classes):
    assert set(batch.targets) == {"score", "box"}


def check_outputs(outputs, batch, classes):
    assert outputs[-1] == 1


TASK = Task("pair", collate_tensors, ("tracking:Gap",), check_targets, check_outputs)


def pairs():
    return {"train": Pairs(), "task": "tracking:TASK"}


class Tracker(nn.Module):
    def __init__(self, neuron):
        super().__init__()
        self.body, self.act = nn.Linear(8, 16), neuron
        self.score, self.box = nn.Linear(16, 1), nn.Linear(16, 4)

    def forward(self, template, search):
        hidden = self.act(self.body(torch.cat([template, search], 1)))
        return {"score": self.score(hidden), "box": self.box(hidden)}


def ann():
    return Tracker(nn.ReLU())


def snn():
    from spikedistill import LIF

    return Tracker(LIF(v_threshold=0.3))


class Boxes(Loss):
    uses_guide = False

    def forward(self, learner, guide, batch):
        gap = learner.named["box"].mean(0) - batch.targets["box"]
        return gap.square().mean() + (learner.logits[:, 0] - batch.targets["score"]).square().mean()
