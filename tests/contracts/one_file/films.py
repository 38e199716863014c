"""A stranger's file: labels per frame."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import Dataset


class Films(Dataset):
    def __len__(self):
        return 36

    def __getitem__(self, n):
        length = 4 + n % 3
        frames = torch.sin(torch.arange(length * 6.0).view(length, 6) + n)
        return frames, (frames[:, 0] > 0).long()


def films():
    return {"train": Films(), "classes": 2, "task": "sequence_classification"}


def body(neuron):
    return nn.Sequential(nn.Linear(6, 8), neuron, nn.Linear(8, 2))


def ann():
    return body(nn.ReLU())


def snn():
    from spikedistill import LIF

    return body(LIF(v_threshold=0.3))
