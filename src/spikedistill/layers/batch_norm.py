"""Plain batch normalisation as a norm factory."""

from __future__ import annotations

from torch import nn


def batch_norm(channels: int, residual: bool = False) -> nn.BatchNorm2d:
    """Batch normalisation over (T, B, H, W), since T is folded into the batch.

    Args:
        channels: C of the `[T * B, C, H, W]` input.
        residual: whether the output meets another at an addition; of no effect here.
    """
    return nn.BatchNorm2d(channels)
