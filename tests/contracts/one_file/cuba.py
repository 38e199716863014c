"""A stranger's file: a neuron with two state variables."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from spikedistill.functional.neuron import at_rest
from spikedistill.functional.surrogate import Triangle, spike
from spikedistill.neurons import Neuron


class Both(NamedTuple):
    i: Tensor
    v: Tensor
    charged: Tensor


class CUBA(Neuron):
    def __init__(self, decay: float = 0.5, v_threshold: float = 0.5):
        super().__init__()
        self.decay, self.v_threshold = decay, v_threshold

    def initial(self, current):
        rest = at_rest(current)
        return Both(rest, rest, rest)

    def step(self, current, state):
        i = self.decay * state.i + current
        v = self.decay * state.v + i
        s = spike(v - self.v_threshold, Triangle(1.0), False)
        return s, Both(i, v * (1 - s), v)
