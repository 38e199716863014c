"""A stranger's file: one with integer spikes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from spikedistill.core.clock import Alphabet
from spikedistill.functional.neuron import at_rest
from spikedistill.neurons import Neuron


class Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, g):
        return g


class Plain(NamedTuple):
    charged: Tensor


class Integers(Neuron):
    fires = Alphabet(0, 3)

    def initial(self, current):
        return Plain(at_rest(current))

    def step(self, current, state):
        return Round.apply(current.clamp(0, 3)), Plain(current)
