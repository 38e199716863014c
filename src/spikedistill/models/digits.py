"""A small network for the 8x8 digits of scikit-learn, with three stages as its larger relatives."""

from __future__ import annotations

from torch import nn

from spikedistill.core.factory import Activation, NormFactory, fresh
from spikedistill.layers.batch_norm import batch_norm
from spikedistill.models._network import Network, conv3x3, head, scaled, stage_taps

__all__ = ["digits"]


def digits(
    activation: Activation = nn.ReLU,
    *,
    classes: int = 10,
    channels: int = 1,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """Three stages of 16, 32 and 64 channels on grids of 8, 4 and 2; 36 k parameters.

    Args:
        activation: a neuron or activation to copy, or something to call for a new one.
        classes: K of the output `[N, K]`.
        channels: C of the input `[N, C, 8, 8]`; other grids work too.
        width: factor on all hidden widths.
        norm: makes the norm layers.
    """
    w1, w2, w3 = (scaled(base, width) for base in (16, 32, 64))

    def unit(before: int, to: int, stride: int) -> list[nn.Module]:
        return [conv3x3(before, to, stride), norm(to), fresh(activation)]

    layers: dict[str, nn.Module] = {
        "layer1": nn.Sequential(*unit(channels, w1, 1), *unit(w1, w1, 1)),
        "layer2": nn.Sequential(*unit(w1, w2, 2), *unit(w2, w2, 1)),
        "layer3": nn.Sequential(*unit(w2, w3, 2)),
    }
    return Network(layers | head(w3, classes), stage_taps(3), classes)
