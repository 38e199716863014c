"""Wide ResNets, pre-activation: norm and activation stand before each convolution.

Zagoruyko, Komodakis, "Wide Residual Networks", BMVC 2016: stem 16; three stages of 16k, 32k, 64k
channels. A stage returns a raw sum (tap `stageK`); what the next layer reads of it is
`stageK_activated`.
"""

from __future__ import annotations

from torch import nn

from spikedistill.core.factory import Activation, NormFactory, fresh
from spikedistill.layers.batch_norm import batch_norm
from spikedistill.models._network import (
    Network,
    Traced,
    activated_taps,
    blocks_of_depth,
    conv1x1,
    conv3x3,
    head,
    scaled,
    stage_taps,
)

__all__ = ["wrn", "wrn16_2", "wrn28_4", "wrn28_10"]


class Ahead(nn.Module):
    """norm-activation-conv, twice, plus the input; the sum stays real-valued.

    Where the shape changes, the shortcut is a 1x1 convolution on the activated input.
    """

    def __init__(
        self, channels: int, to: int, stride: int, activation: Activation, norm: NormFactory
    ) -> None:
        super().__init__()
        self.bn1 = norm(channels)
        self.activation1 = fresh(activation)
        self.conv1 = conv3x3(channels, to, stride)
        self.bn2 = norm(to)
        self.activation2 = fresh(activation)
        self.conv2 = conv3x3(to, to)
        same = stride == 1 and channels == to
        self.shortcut = None if same else conv1x1(channels, to, stride)

    def forward(self, x: Traced) -> Traced:
        """`[N, C, H, W]` to `[N, to, H / stride, W / stride]`."""
        activated = self.activation1(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(activated)
        return self.conv2(self.activation2(self.bn2(self.conv1(activated)))) + shortcut


def wrn(
    activation: Activation = nn.ReLU,
    *,
    depth: int = 16,
    k: int = 2,
    classes: int = 10,
    channels: int = 3,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """A Wide ResNet of any depth 6n + 4 and widening factor k.

    Args:
        activation: a neuron or activation to copy, or something to call for a new one.
        depth: layers, 6n + 4.
        k: widening factor of the stages (the stem keeps 16).
        classes: K of the output `[N, K]`.
        channels: C of the input `[N, C, H, W]`.
        width: factor on all hidden widths, the stem's included.
        norm: makes the norm layers.

    Raises:
        SpikedistillError: if `depth` is not 6n + 4.
    """
    n = blocks_of_depth(depth, 6, 4, "Wide ResNet")
    before = scaled(16, width)
    layers: dict[str, nn.Module] = {"conv1": conv3x3(channels, before)}
    for stage, base in enumerate((16, 32, 64), start=1):
        to, blocks = scaled(base * k, width), nn.Sequential()
        for block in range(n):
            stride = 2 if stage > 1 and block == 0 else 1
            blocks.append(Ahead(before, to, stride, activation, norm))
            before = to
        layers[f"layer{stage}"] = blocks
    layers |= {"bn1": norm(before), "activation1": fresh(activation)}
    return Network(layers | head(before, classes), stage_taps(3) | activated_taps(3), classes)


def wrn16_2(
    activation: Activation = nn.ReLU,
    *,
    classes: int = 10,
    channels: int = 3,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """WRN-16-2: 0.69 M parameters, 0.101 GMAC a step at 32x32."""
    return wrn(
        activation, depth=16, k=2, classes=classes, channels=channels, width=width, norm=norm
    )


def wrn28_4(
    activation: Activation = nn.ReLU,
    *,
    classes: int = 10,
    channels: int = 3,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """WRN-28-4: 5.85 M parameters, 0.846 GMAC a step at 32x32."""
    return wrn(
        activation, depth=28, k=4, classes=classes, channels=channels, width=width, norm=norm
    )


def wrn28_10(
    activation: Activation = nn.ReLU,
    *,
    classes: int = 10,
    channels: int = 3,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """WRN-28-10: 36.48 M parameters, 5.243 GMAC a step at 32x32."""
    return wrn(
        activation, depth=28, k=10, classes=classes, channels=channels, width=width, norm=norm
    )
