"""The parametric LIF neuron: the membrane constant of a layer is learned."""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from spikedistill.core.reference import Reference
from spikedistill.functional.neuron import at_rest, fire, leak
from spikedistill.functional.surrogate import ATan
from spikedistill.neurons._base import Neuron
from spikedistill.neurons._options import SurrogateLike, as_surrogate, check_tau, check_threshold


class _Learned(NamedTuple):
    """The membrane, and the learned `1 / tau` on its way through time."""

    v: Tensor
    charged: Tensor
    rate: Tensor


class PLIF(Neuron):
    """A LIF neuron whose membrane constant is learned, one number `w` per layer.

    **Formula:** `1/tau = sigmoid(w)`, `w = -ln(tau_0 - 1)` at the start; charge
    `v = v + (x - v) / tau` (`v - v / tau + x` without `decay_input`), fire and reset as LIF
    (equations 5 to 8 of the paper).

    **Options:** those of `LIF`; `tau` is `tau_0`, in time steps, > 1. The defaults are the
    paper's: threshold 1, hard reset that is detached, arctan surrogate, fires at equality.

    **Differences from the paper:** none. `w` takes no weight decay there: it is a scalar, and
    optimisers here decay nothing below two dimensions.

    **Example:**
        >>> neuron = PLIF(tau=4.0)
        >>> round(neuron.w.item(), 6)
        -1.098612
        >>> neuron.over(torch.tensor([[2.0], [2.0], [3.0], [0.5]])).flatten().tolist()
        [0.0, 0.0, 1.0, 0.0]
    """

    reference = Reference(
        key="fang2021plif",
        title=(
            "Incorporating Learnable Membrane Time Constant to Enhance Learning of Spiking "
            "Neural Networks"
        ),
        authors=("Wei Fang", "others"),
        venue="ICCV",
        year=2021,
        link="https://arxiv.org/abs/2007.05785",
        kind="conference",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {"plif": {}}

    def __init__(
        self,
        tau: float = 2.0,
        v_threshold: float = 1.0,
        v_reset: float | None = 0.0,
        *,
        decay_input: bool = True,
        detach_reset: bool = True,
        surrogate: SurrogateLike = ATan(2.0),  # noqa: B008 (frozen)
        fires_at_equality: bool = True,
    ) -> None:
        super().__init__()
        check_tau("PLIF", tau, "finite and > 1")
        check_threshold("PLIF", v_threshold, v_reset)
        self.v_threshold = float(v_threshold)
        self.v_reset = None if v_reset is None else float(v_reset)
        self.decay_input = decay_input
        self.detach_reset = detach_reset
        self.surrogate = as_surrogate(surrogate)
        self.fires_at_equality = fires_at_equality
        self.w = nn.Parameter(torch.tensor(-math.log(tau - 1)))

    @property
    def tau(self) -> float:
        """The membrane constant now, in time steps."""
        return 1 / float(self.w.detach().sigmoid())

    def initial(self, current: Tensor) -> _Learned:
        """At rest, with the membrane constant of now."""
        rest = at_rest(current, self.v_reset or 0.0)
        return _Learned(rest, rest, self.w.to(rest.dtype).sigmoid())

    def step(self, current: Tensor, state: _Learned) -> tuple[Tensor, _Learned]:
        """Charge, fire, reset."""
        incoming = current * state.rate if self.decay_input else current
        spikes, membrane = fire(
            leak(state.v, 1 - state.rate, self.v_reset) + incoming,
            v_threshold=self.v_threshold,
            v_reset=self.v_reset,
            detach_reset=self.detach_reset,
            surrogate=self.surrogate,
            fires_at_equality=self.fires_at_equality,
        )
        return spikes, _Learned(*membrane, state.rate)
