"""PyramidNet-20: every block adds channels, and one activation a block.

Han, Kim, Kim, "Deep Pyramidal Residual Networks", CVPR 2017; alpha 200 as the teacher of SASTC.
A stage returns a raw sum (tap `stageK`); `stageK_activated` is the first activation after it, which
in this block stands behind the next block's first convolution.
"""

from __future__ import annotations

from torch import nn

from spikedistill.models._network import (
    Network,
    Traced,
    activated_taps,
    conv3x3,
    head,
    stage_taps,
    zero_channels,
)
from spikedistill.models._plan import Plan, blueprint


class PyramidBlock(nn.Module):
    """norm-conv-norm-activation-conv-norm, plus the input, pooled and padded with zero channels."""

    def __init__(self, channels: int, to: int, stride: int, plan: Plan) -> None:
        super().__init__()
        self.bn1 = plan.norm(channels)
        self.conv1 = conv3x3(channels, to, stride)
        self.bn2 = plan.norm(to)
        self.activation1 = plan.activation()
        self.conv2 = conv3x3(to, to)
        self.bn3 = plan.norm(to, residual=True)
        # ceil_mode: odd grids shrink as those of the strided convolution beside it
        pool = nn.Identity() if stride == 1 else nn.AvgPool2d(stride, ceil_mode=True)
        self.shortcut = nn.Sequential(pool, zero_channels(0, to - channels))

    def forward(self, x: Traced) -> Traced:
        """`[N, C, H, W]` to `[N, to, H / stride, W / stride]`."""
        branch = self.bn2(self.conv1(self.bn1(x)))
        branch = self.bn3(self.conv2(self.activation1(branch)))
        return branch + self.shortcut(x)


@blueprint
def pyramidnet20(plan: Plan, alpha: float = 200.0) -> Network:
    """PyramidNet-20: 2.93 M parameters, 0.515 GMAC a step at 32x32 with alpha 200.

    Args:
        alpha: channels that the nine blocks add to the 16 of the stem, together.
    """
    before = plan.scaled(16)
    layers: dict[str, nn.Module] = {
        "conv1": conv3x3(plan.channels, before),
        "bn1": plan.norm(before),
    }
    for stage in (1, 2, 3):
        blocks = nn.Sequential()
        for block in range(3):
            number = 3 * (stage - 1) + block + 1
            to = plan.scaled(16 + alpha * number / 9)
            stride = 2 if stage > 1 and block == 0 else 1
            blocks.append(PyramidBlock(before, to, stride, plan))
            before = to
        layers[f"layer{stage}"] = blocks
    layers |= {"bn2": plan.norm(before), "activation1": plan.activation()}
    return Network(layers | head(before, plan.classes), stage_taps(3) | activated_taps(3))
