"""A moving average of the weights (EMA)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """`average <- decay * average + (1 - decay) * weights` after every step.

    Whole numbers (counts of batches) are copied.

    Args:
        module: what is averaged: the state that it reports.
        decay: between 0 and 1.
        state: an average to go on from.
    """

    def __init__(
        self, module: nn.Module, decay: float, state: dict[str, Tensor] | None = None
    ) -> None:
        self.module, self.decay = module, decay
        start = state or module.state_dict()
        live = module.state_dict()
        self.state = {name: start[name].detach().clone().to(live[name].device) for name in live}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now."""
        for name, value in self.module.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - self.decay)
            else:
                self.state[name].copy_(value)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The module with the averaged weights for the duration of the context."""
        own = {name: value.clone() for name, value in self.module.state_dict().items()}
        self.module.load_state_dict(self.state, strict=False)
        try:
            yield
        finally:
            self.module.load_state_dict(own, strict=False)
