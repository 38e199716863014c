"""A stranger's file: token ids with a padding mask."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import Dataset


class Sentences(Dataset):
    targets = tuple(n % 2 for n in range(40))

    def __len__(self):
        return 40

    def __getitem__(self, n):
        length = 3 + n % 4
        ids = torch.arange(length) % 5 + 5 * (n % 2)
        return {"input_ids": ids, "mask": torch.ones(length, dtype=torch.bool)}, n % 2


def sentences():
    return {"train": Sentences(), "classes": 2, "task": "sequence_classification"}


class Reader(nn.Module):
    def __init__(self, neuron):
        super().__init__()
        self.table, self.body, self.act = nn.Embedding(10, 8), nn.Linear(8, 8), neuron
        self.head = nn.Linear(8, 2)

    def forward(self, input_ids, mask):
        hidden = self.act(self.body(self.table(input_ids)))
        weights = mask.float().unsqueeze(-1)
        return self.head((hidden * weights).sum(1) / weights.sum(1))


def ann():
    return Reader(nn.ReLU())


def snn():
    from spikedistill import LIF

    return Reader(LIF(v_threshold=0.3))
