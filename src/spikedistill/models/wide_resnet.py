"""Wide ResNets, pre-activation: norm and activation stand before each convolution.

Zagoruyko, Komodakis, "Wide Residual Networks", BMVC 2016: stem 16; three stages of 16k, 32k, 64k
channels. A stage returns a raw sum (tap `stageK`); what the next layer reads of it is
`stageK_activated`.
"""

from __future__ import annotations

from torch import nn

from spikedistill.models._network import (
    Network,
    Traced,
    activated_taps,
    blocks_of_depth,
    conv1x1,
    conv3x3,
    head,
    stage_taps,
)
from spikedistill.models._plan import Plan, blueprint


class Ahead(nn.Module):
    """norm-activation-conv, twice, plus the input; the sum stays real-valued.

    Where the shape changes, the shortcut is a 1x1 convolution on the activated input.
    """

    def __init__(self, channels: int, to: int, stride: int, plan: Plan) -> None:
        super().__init__()
        self.bn1 = plan.norm(channels)
        self.activation1 = plan.activation()
        self.conv1 = conv3x3(channels, to, stride)
        self.bn2 = plan.norm(to)
        self.activation2 = plan.activation()
        self.conv2 = conv3x3(to, to)
        same = stride == 1 and channels == to
        self.shortcut = None if same else conv1x1(channels, to, stride)

    def forward(self, x: Traced) -> Traced:
        """`[N, C, H, W]` to `[N, to, H / stride, W / stride]`."""
        activated = self.activation1(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(activated)
        return self.conv2(self.activation2(self.bn2(self.conv1(activated)))) + shortcut


def _wrn(plan: Plan, depth: int, k: int) -> Network:
    n = blocks_of_depth(depth, 6, 4, "Wide ResNet")
    before = plan.scaled(16)
    layers: dict[str, nn.Module] = {"conv1": conv3x3(plan.channels, before)}
    for stage, base in enumerate((16, 32, 64), start=1):
        to, blocks = plan.scaled(base * k), nn.Sequential()
        for block in range(n):
            stride = 2 if stage > 1 and block == 0 else 1
            blocks.append(Ahead(before, to, stride, plan))
            before = to
        layers[f"layer{stage}"] = blocks
    layers |= {"bn1": plan.norm(before), "activation1": plan.activation()}
    return Network(layers | head(before, plan.classes), stage_taps(3) | activated_taps(3))


@blueprint
def wrn(plan: Plan, depth: int = 16, k: int = 2) -> Network:
    """A Wide ResNet of any depth 6n + 4 and widening factor k.

    Args:
        depth: layers, 6n + 4.
        k: widening factor of the stages (the stem keeps 16).

    Raises:
        SpikedistillError: if `depth` is not 6n + 4.
    """
    return _wrn(plan, depth, k)


@blueprint
def wrn16_2(plan: Plan) -> Network:
    """WRN-16-2: 0.69 M parameters, 0.101 GMAC a step at 32x32."""
    return _wrn(plan, 16, 2)


@blueprint
def wrn28_4(plan: Plan) -> Network:
    """WRN-28-4: 5.85 M parameters, 0.846 GMAC a step at 32x32."""
    return _wrn(plan, 28, 4)


@blueprint
def wrn28_10(plan: Plan) -> Network:
    """WRN-28-10: 36.48 M parameters, 5.243 GMAC a step at 32x32."""
    return _wrn(plan, 28, 10)
