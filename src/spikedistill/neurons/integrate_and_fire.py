"""The integrate-and-fire neuron: a potential that keeps everything until it fires."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from spikedistill.core.reference import Reference
from spikedistill.functional.neuron import Membrane, at_rest, fire
from spikedistill.functional.surrogate import ATan
from spikedistill.neurons._base import Neuron
from spikedistill.neurons._options import SurrogateLike, as_surrogate, check_threshold


class IF(Neuron):
    """A potential that adds up its current, fires above a threshold and is reset.

    **Formula:** charge `v = v + x`, fire `s = [v > v_threshold]`, reset `v <- v (1 - s) +
    v_reset s`, or `v <- v - v_threshold s` where `v_reset` is None.

    **Options:** those of `LIF` without `tau` and `decay_input`.

    **Relations:** `LIF(tau=inf)` is the same. The preset "sew" is the neuron of SEW-ResNet on
    ImageNet.

    **Example:**
        >>> import torch
        >>> IF(v_reset=None).over(torch.tensor([[0.6], [0.8], [0.4], [1.7]])).flatten().tolist()
        [0.0, 1.0, 0.0, 1.0]
    """

    reference = Reference(
        key="fang2021sew",
        title="Deep Residual Learning in Spiking Neural Networks",
        authors=("Wei Fang", "others"),
        venue="NeurIPS",
        year=2021,
        link="https://arxiv.org/abs/2102.04159",
        kind="conference",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "sew": {"detach_reset": True, "surrogate": ATan(2.0), "fires_at_equality": True},
    }

    def __init__(
        self,
        v_threshold: float = 1.0,
        v_reset: float | None = 0.0,
        *,
        detach_reset: bool = False,
        surrogate: SurrogateLike = "triangle",
        fires_at_equality: bool = False,
    ) -> None:
        super().__init__()
        check_threshold("IF", v_threshold, v_reset)
        self.v_threshold = float(v_threshold)
        self.v_reset = None if v_reset is None else float(v_reset)
        self.detach_reset = detach_reset
        self.surrogate = as_surrogate(surrogate)
        self.fires_at_equality = fires_at_equality

    @property
    def leaks(self) -> bool:
        """An update only adds up."""
        return False

    def initial(self, current: Tensor) -> Membrane:
        """At rest: `v_reset`, or 0 with soft reset."""
        rest = at_rest(current, self.v_reset or 0.0)
        return Membrane(rest, rest)

    def step(self, current: Tensor, state: Membrane) -> tuple[Tensor, Membrane]:
        """Charge, fire, reset."""
        return fire(
            state.v + current,
            v_threshold=self.v_threshold,
            v_reset=self.v_reset,
            detach_reset=self.detach_reset,
            surrogate=self.surrogate,
            fires_at_equality=self.fires_at_equality,
        )
