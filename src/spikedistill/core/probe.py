"""A place where a value that is no module's output can be watched."""

from __future__ import annotations

from torch import Tensor, nn


class Probe(nn.Module):
    """Identity. A value passed through it can be tapped like any module's output."""

    @property
    def watched(self) -> bool:
        """Whether somebody listens: a value that costs work is only made when this is true."""
        return bool(self._forward_hooks)

    def forward(self, value: Tensor) -> Tensor:
        """The value, unchanged."""
        return value
