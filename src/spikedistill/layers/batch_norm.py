"""Plain batch normalisation over (T, B, H, W): the norm of ANNs, TET and SASTC."""

from __future__ import annotations

from torch import nn


def batch_norm(channels: int, residual: bool = False) -> nn.BatchNorm2d:
    """A norm factory for blueprints: `nn.BatchNorm2d`, the same at residual additions.

    With T folded into the batch its statistics are those over (T, B, H, W). What the code of TET
    calls tdBatchNorm is this.
    """
    return nn.BatchNorm2d(channels)
