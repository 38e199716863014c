"""PyramidNet-20: every block adds channels, and one activation a block.

Han, Kim, Kim, "Deep Pyramidal Residual Networks", CVPR 2017; alpha 200 as the teacher of SASTC.
A stage returns a raw sum (tap `stageK`); `stageK_activated` is the first activation after it, which
in this block stands behind the next block's first convolution.
"""

from __future__ import annotations

from torch import nn

from spikedistill.core.factory import Activation, NormFactory, fresh
from spikedistill.layers.batch_norm import batch_norm
from spikedistill.models._network import (
    Network,
    Traced,
    activated_taps,
    conv3x3,
    head,
    scaled,
    stage_taps,
    zero_channels,
)

__all__ = ["pyramidnet20"]


class PyramidBlock(nn.Module):
    """norm-conv-norm-activation-conv-norm, plus the input, pooled and padded with zero channels."""

    def __init__(
        self, channels: int, to: int, stride: int, activation: Activation, norm: NormFactory
    ) -> None:
        super().__init__()
        self.bn1 = norm(channels)
        self.conv1 = conv3x3(channels, to, stride)
        self.bn2 = norm(to)
        self.activation1 = fresh(activation)
        self.conv2 = conv3x3(to, to)
        self.bn3 = norm(to, residual=True)
        # ceil_mode: odd grids shrink as those of the strided convolution beside it
        pool = nn.Identity() if stride == 1 else nn.AvgPool2d(stride, ceil_mode=True)
        self.shortcut = nn.Sequential(pool, zero_channels(0, to - channels))

    def forward(self, x: Traced) -> Traced:
        """`[N, C, H, W]` to `[N, to, H / stride, W / stride]`."""
        branch = self.bn2(self.conv1(self.bn1(x)))
        branch = self.bn3(self.conv2(self.activation1(branch)))
        return branch + self.shortcut(x)


def pyramidnet20(
    activation: Activation = nn.ReLU,
    *,
    alpha: float = 200.0,
    classes: int = 10,
    channels: int = 3,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """PyramidNet-20: 2.93 M parameters, 0.515 GMAC a step at 32x32 with alpha 200.

    Args:
        activation: a neuron or activation to copy, or something to call for a new one.
        alpha: channels that the nine blocks add to the 16 of the stem, together.
        classes: K of the output `[N, K]`.
        channels: C of the input `[N, C, H, W]`.
        width: factor on all hidden widths.
        norm: makes the norm layers.
    """
    before = scaled(16, width)
    layers: dict[str, nn.Module] = {"conv1": conv3x3(channels, before), "bn1": norm(before)}
    for stage in (1, 2, 3):
        blocks = nn.Sequential()
        for block in range(3):
            number = 3 * (stage - 1) + block + 1
            to = scaled(16 + alpha * number / 9, width)
            stride = 2 if stage > 1 and block == 0 else 1
            blocks.append(PyramidBlock(before, to, stride, activation, norm))
            before = to
        layers[f"layer{stage}"] = blocks
    layers |= {"bn2": norm(before), "activation1": fresh(activation)}
    return Network(layers | head(before, classes), stage_taps(3) | activated_taps(3), classes)
