"""The integer neuron: it trains with whole numbers of spikes and runs as k binary sub-steps.

In one step it sends an integer from 0 to k; when the network runs on a chip, each integer is k
binary sub-steps, ones first. The numbers are the same and training costs one step instead of k.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from spikedistill.core.clock import Alphabet
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.reference import Reference
from spikedistill.functional.levels import Rounding, levels
from spikedistill.functional.neuron import at_rest
from spikedistill.neurons._base import Neuron


class _Charge(NamedTuple):
    v: Tensor
    """What is left after the spikes were taken away."""
    charged: Tensor
    threshold: Tensor


class ILIF(Neuron):
    """Sends as many spikes in a step as its potential holds thresholds, up to k.

    **Formula** (theta is the threshold)::

        u = decay v + x,   s = clip(floor(u / theta + 1/2), 0, k),   v <- u - theta s
        sent: theta s, or theta s / k (normalized)

    The slope of s is 1 / theta where `0 <= u / theta <= k` and 0 elsewhere (straight-through). The
    spikes that are taken away carry no gradient. With T = 1 the decay plays no part, and the
    neuron is a ReLU that is clipped and rounded to k levels.

    **Running:** an integer n is n ones and k - n zeros in k binary sub-steps of height theta (or
    theta / k). Whatever is linear between two layers of neurons adds them up, so the sub-steps of a
    layer must all have come before the next layer answers: layer by layer, not streaming within
    an outer step. An integer n costs n accumulations at every synapse. The first k' < k sub-steps
    alone are the integers clipped at k', for which nobody has trained.

    **Options**

    - k: the most spikes of a step, at least 1.
    - v_threshold: theta, positive; at the start where it is `learned`.
    - decay: what a potential keeps from one outer step to the next, in [0, 1].
    - normalized: divides what is sent by k.
    - learned: theta is a parameter, one for the layer. It is kept as its logarithm, so it stays
      positive; a single number takes no weight decay. Its gradient is a sum over all M places of a
      step and is divided by sqrt(M k), as that of a quantiser's step size is (LSQ, ICLR 2020).
    - rounding: `up` (a half goes up), or `even`, as public code has it through `torch.round`.

    **Relations:** k = 1 with T = 1 is `IF` with threshold theta / 2 that sends theta.

    **Example:**
        >>> ILIF(k=4).over(torch.tensor([[1.7], [0.4], [2.9]])).flatten().tolist()
        [2.0, 0.0, 3.0]
    """

    reference = Reference(
        key="luo2024spikeyolo",
        title="Integer-Valued Training and Spike-Driven Inference Spiking Neural Network for "
        "High-performance and Energy-efficient Object Detection",
        authors=("Xinhao Luo", "Man Yao", "Yuhong Chou", "Bo Xu", "Guoqi Li"),
        venue="ECCV",
        year=2024,
        link="https://arxiv.org/abs/2407.20708",
        kind="conference",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "spikeyolo": {"rounding": "even"},
        "sdt_v3": {"rounding": "even", "normalized": True},
    }

    threshold: Tensor

    def __init__(
        self,
        k: int = 4,
        v_threshold: float = 1.0,
        decay: float = 0.25,
        *,
        normalized: bool = False,
        learned: bool = False,
        rounding: Rounding = "up",
    ) -> None:
        super().__init__()
        if k < 1:
            raise SpikedistillError(f"ILIF(k={k}) never sends a spike; k is a whole number from 1")
        if not 0 <= decay <= 1:
            raise SpikedistillError(
                f"ILIF(decay={decay}) is no share of a potential; give a number from 0 to 1"
            )
        self.k, self.decay, self.rounding = int(k), float(decay), rounding
        self.normalized = normalized
        self.learned = learned
        log = torch.zeros(())
        self.log_threshold: Tensor
        if learned:
            self.log_threshold = nn.Parameter(log)
        else:
            self.register_buffer("log_threshold", log)
        self.set_threshold(v_threshold)
        self.fires = Alphabet(0, self.k)

    def set_threshold(self, value: float) -> None:
        """Let it fire at another potential.

        Raises:
            SpikedistillError: if that is no positive number.
        """
        if not 0 < value < math.inf:
            raise SpikedistillError(
                f"ILIF(v_threshold={value}) cannot fire sensibly; the threshold must be a positive "
                "number"
            )
        with torch.no_grad():
            self.log_threshold.fill_(math.log(value))

    def reach(self, most: float) -> None:
        """Let the most that it sends in a step be `most`.

        Raises:
            SpikedistillError: if that is no positive number, or what it sends is divided by k.
        """
        if self.normalized:
            raise SpikedistillError(
                "ILIF(normalized=True) divides what it sends by k, so it sends other values than "
                "the activation in whose place it stands; leave normalized out"
            )
        self.set_threshold(most / self.k)

    @property
    def v_threshold(self) -> float:
        """The threshold now."""
        return math.exp(float(self.log_threshold.detach()))

    @property
    def height(self) -> float:  # type: ignore[override]
        """The size of one spike."""
        return self.v_threshold / (self.k if self.normalized else 1)

    @property
    def leaks(self) -> bool:
        """Whether an update multiplies: not where a step begins from nothing."""
        return self.timesteps > 1 and self.decay not in (0.0, 1.0)

    def initial(self, current: Tensor) -> _Charge:
        """At rest, with the threshold of now."""
        rest = at_rest(current)
        log = self.log_threshold.to(rest.dtype)
        if self.learned:
            share = 1 / math.sqrt(current.numel() * self.k)
            log = share * log + (1 - share) * log.detach()
        return _Charge(rest, rest, log.exp())

    def step(self, current: Tensor, state: _Charge) -> tuple[Tensor, _Charge]:
        """Charge, count the thresholds, take them away."""
        charged = self.decay * state.v + current
        sent = state.threshold * levels(charged / state.threshold, self.k, self.rounding)
        left = charged - sent.detach()
        if self.normalized:
            sent = sent / self.k
        return sent, _Charge(left, charged, state.threshold)
