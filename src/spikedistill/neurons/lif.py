"""The leaky integrate-and-fire neuron, in every form that the distillation papers use."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.reference import Reference
from spikedistill.functional.neuron import Membrane, at_rest, fire, leak
from spikedistill.functional.surrogate import (
    ATan,
    DampedTriangle,
    Rectangle,
    Sigmoid,
    Tanh,
    Triangle,
)
from spikedistill.neurons._base import Neuron
from spikedistill.neurons._options import SurrogateLike, as_surrogate, check_tau, check_threshold

_STBP = {"tau": 4 / 3, "surrogate": Rectangle(1.0)}
_MPBN = {"tau": 4 / 3, "v_threshold": 0.5}
_TDD = {"surrogate": Sigmoid(4.0), "fires_at_equality": True}
_SPIKINGJELLY = {
    "decay_input": True,
    "detach_reset": True,
    "surrogate": Sigmoid(4.0),
    "fires_at_equality": True,
}
_MS_RESNET = {**_STBP, "v_threshold": 0.5, "detach_reset": True}
_BNTT = {"v_reset": None, "detach_reset": True, "surrogate": DampedTriangle()}


class LIF(Neuron):
    """A potential that leaks, integrates its current, fires above a threshold and is reset.

    **Formula:** charge `v = (1 - 1/tau) v + x` (`x / tau` with `decay_input`), fire
    `s = [v > v_threshold]`, reset `v <- v (1 - s)`. With `v_reset` other than 0 the potential
    starts from it, decays towards it and is reset to it; with None the reset is soft,
    `v <- v - v_threshold s`.

    **Options:**
    - tau: membrane constant in time steps, >= 1; `inf` keeps everything (integrate and fire).
    - v_threshold: where it fires.
    - v_reset: the potential after a spike, None for soft reset.
    - decay_input: whether the current is divided by tau.
    - detach_reset: whether the spike that resets carries no gradient.
    - surrogate: the slope of the spike: a surrogate, its name, or `{name: {option: value}}`.
    - fires_at_equality: fire at `v == v_threshold` too.

    **Relations:** `LIF()` is the neuron of SASTC and TET; the forms of other publications and
    code bases are presets (`LIF.presets`). Some of them write the hard reset into the decay of
    the next step, `v = decay v (1 - s) + x`: the same spikes and gradients.

    **Example:**
        >>> import torch
        >>> LIF().over(torch.tensor([[0.6], [0.8], [0.4], [1.7]])).flatten().tolist()
        [0.0, 1.0, 0.0, 1.0]
    """

    reference = Reference(
        key="deng2022tet",
        title="Temporal Efficient Training of Spiking Neural Network via Gradient Re-weighting",
        authors=("Shikuang Deng", "Yuhang Li", "Shanghang Zhang", "Shi Gu"),
        venue="ICLR",
        year=2022,
        link="https://arxiv.org/abs/2202.11946",
        kind="conference",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "sastc": {},
        "tet": {"surrogate": Triangle(1.0)},
        "tdbn": {**_STBP, "v_threshold": 0.2},
        "tdbn_paper": {**_STBP, "v_threshold": 0.5},
        "mpbn": {**_MPBN, "surrogate": Tanh(3.0)},
        "fsta": {**_MPBN, "surrogate": Tanh(1.0)},
        "ms_resnet": _MS_RESNET,
        "idsnn": _MS_RESNET,
        "tdd": _TDD,
        "tdd_imagenet": {**_TDD, "tau": 1.25, "v_reset": None},
        "seal": _TDD,
        "seal_imagenet": {**_TDD, "tau": 1.25, "v_reset": None},
        "spikingjelly": _SPIKINGJELLY,
        "spikformer": _SPIKINGJELLY,
        "spikformer_attention": {**_SPIKINGJELLY, "v_threshold": 0.5},
        "sdt": _SPIKINGJELLY,
        "sdt_attention": {**_SPIKINGJELLY, "v_threshold": 0.5},
        "qkformer": _SPIKINGJELLY,
        "qkformer_attention": {**_SPIKINGJELLY, "v_threshold": 0.5},
        "sew": {
            "tau": math.inf,
            "detach_reset": True,
            "surrogate": ATan(2.0),
            "fires_at_equality": True,
        },
        "bntt": {**_BNTT, "tau": 20.0},
        "bntt_deep": {**_BNTT, "tau": 100.0},
    }

    def __init__(
        self,
        tau: float = 2.0,
        v_threshold: float = 1.0,
        v_reset: float | None = 0.0,
        *,
        decay_input: bool = False,
        detach_reset: bool = False,
        surrogate: SurrogateLike = "triangle",
        fires_at_equality: bool = False,
    ) -> None:
        super().__init__()
        check_tau("LIF", tau)
        check_threshold("LIF", v_threshold, v_reset)
        if decay_input and math.isinf(tau):
            raise SpikedistillError(
                "LIF(tau=inf, decay_input=True) would divide its current by infinity; "
                "leave decay_input out for an integrate-and-fire neuron"
            )
        self.tau = float(tau)
        self.v_threshold = float(v_threshold)
        self.v_reset = None if v_reset is None else float(v_reset)
        self.decay_input = decay_input
        self.detach_reset = detach_reset
        self.surrogate = as_surrogate(surrogate)
        self.fires_at_equality = fires_at_equality

    @property
    def leaks(self) -> bool:
        """Whether the potential decays."""
        return not math.isinf(self.tau)

    def initial(self, current: Tensor) -> Membrane:
        """At rest: `v_reset`, or 0 with soft reset."""
        rest = at_rest(current, self.v_reset or 0.0)
        return Membrane(rest, rest)

    def step(self, current: Tensor, state: Membrane) -> tuple[Tensor, Membrane]:
        """Charge, fire, reset."""
        incoming = current / self.tau if self.decay_input else current
        charged = leak(state.v, 1 - 1 / self.tau, self.v_reset) + incoming
        return fire(
            charged,
            v_threshold=self.v_threshold,
            v_reset=self.v_reset,
            detach_reset=self.detach_reset,
            surrogate=self.surrogate,
            fires_at_equality=self.fires_at_equality,
        )
