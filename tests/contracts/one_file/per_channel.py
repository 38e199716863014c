"""A stranger's file: one with parameters per channel."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from spikedistill.functional.neuron import at_rest
from spikedistill.functional.surrogate import Triangle, spike
from spikedistill.neurons import Neuron


class State(NamedTuple):
    v: Tensor
    charged: Tensor
    decay: Tensor


class PerChannel(Neuron):
    view = "whole"

    def __init__(self, channels: int, v_threshold: float = 0.5):
        super().__init__()
        self.v_threshold = v_threshold
        self.w = nn.Parameter(torch.zeros(channels, 1, 1))

    def initial(self, current):
        rest = at_rest(current)
        return State(rest, rest, self.w.sigmoid())

    def step(self, current, state):
        v = state.decay * state.v + current
        s = spike(v - self.v_threshold, Triangle(1.0), False)
        return s, State(v * (1 - s), v, state.decay)
