"""bottleneck211: the student that the commands of SASTC call wrn_16_2, which it is not.

A post-activation bottleneck ResNet (SASTC, AAAI 2025, official code). It has seven times the
parameters of the PyramidNet-20 that teaches it; the true WRN-16-2 is `wrn16_2`.
"""

from __future__ import annotations

from torch import nn

from spikedistill.core.factory import Activation, NormFactory, fresh
from spikedistill.layers.batch_norm import batch_norm
from spikedistill.models._blocks import projection
from spikedistill.models._network import (
    Network,
    Traced,
    conv1x1,
    conv3x3,
    hidden_head,
    scaled,
    stage_taps,
)

__all__ = ["bottleneck211"]


class Bottleneck(nn.Module):
    """1x1, 3x3 (strided), 1x1 convolution, each with norm; activation after the addition."""

    def __init__(
        self,
        channels: int,
        inner: int,
        to: int,
        stride: int,
        activation: Activation,
        norm: NormFactory,
    ) -> None:
        super().__init__()
        self.conv1 = conv1x1(channels, inner)
        self.bn1 = norm(inner)
        self.activation1 = fresh(activation)
        self.conv2 = conv3x3(inner, inner, stride)
        self.bn2 = norm(inner)
        self.activation2 = fresh(activation)
        self.conv3 = conv1x1(inner, to)
        self.bn3 = norm(to, residual=True)
        self.shortcut = projection(channels, to, stride, norm)
        self.activation3 = fresh(activation)

    def forward(self, x: Traced) -> Traced:
        """`[N, C, H, W]` to `[N, to, H / stride, W / stride]`."""
        branch = self.activation1(self.bn1(self.conv1(x)))
        branch = self.activation2(self.bn2(self.conv2(branch)))
        branch = self.bn3(self.conv3(branch))
        return self.activation3(branch + self.shortcut(x))


def bottleneck211(
    activation: Activation = nn.ReLU,
    *,
    classes: int = 10,
    channels: int = 3,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """Stem 64; 2, 1, 1 bottlenecks of 512, 1024, 2048 channels; hidden FC 256; 20.52 M.

    Args:
        activation: a neuron or activation to copy, or something to call for a new one.
        classes: K of the output `[N, K]`.
        channels: C of the input `[N, C, H, W]`.
        width: factor on all hidden widths.
        norm: makes the norm layers.
    """
    before = scaled(64, width)
    layers: dict[str, nn.Module] = {
        "conv1": conv3x3(channels, before),
        "bn1": norm(before),
        "activation1": fresh(activation),
    }
    for k, (base, blocks) in enumerate(((256, 2), (512, 1), (1024, 1)), start=1):
        inner, to, stage = scaled(base, width), scaled(2 * base, width), nn.Sequential()
        for block in range(blocks):
            stride = 2 if k > 1 and block == 0 else 1
            stage.append(Bottleneck(before, inner, to, stride, activation, norm))
            before = to
        layers[f"layer{k}"] = stage
    layers |= hidden_head(before, scaled(256, width), classes, fresh(activation))
    return Network(layers, stage_taps(3), classes)
