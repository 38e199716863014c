"""bottleneck211: the student that the commands of SASTC call wrn_16_2, which it is not.

A post-activation bottleneck ResNet (SASTC, AAAI 2025, official code). It has seven times the
parameters of the PyramidNet-20 that teaches it; the true WRN-16-2 is `wrn16_2`.
"""

from __future__ import annotations

from torch import nn

from spikedistill.models._blocks import projection
from spikedistill.models._network import (
    Network,
    Traced,
    conv1x1,
    conv3x3,
    hidden_head,
    stage_taps,
)
from spikedistill.models._plan import Plan, blueprint


class Bottleneck(nn.Module):
    """1x1, 3x3 (strided), 1x1 convolution, each with norm; activation after the addition."""

    def __init__(
        self,
        channels: int,
        inner: int,
        to: int,
        stride: int,
        plan: Plan,
    ) -> None:
        super().__init__()
        self.conv1 = conv1x1(channels, inner)
        self.bn1 = plan.norm(inner)
        self.activation1 = plan.activation()
        self.conv2 = conv3x3(inner, inner, stride)
        self.bn2 = plan.norm(inner)
        self.activation2 = plan.activation()
        self.conv3 = conv1x1(inner, to)
        self.bn3 = plan.norm(to, residual=True)
        self.shortcut = projection(channels, to, stride, plan)
        self.activation3 = plan.activation()

    def forward(self, x: Traced) -> Traced:
        """`[N, C, H, W]` to `[N, to, H / stride, W / stride]`."""
        branch = self.activation1(self.bn1(self.conv1(x)))
        branch = self.activation2(self.bn2(self.conv2(branch)))
        branch = self.bn3(self.conv3(branch))
        return self.activation3(branch + self.shortcut(x))


@blueprint
def bottleneck211(plan: Plan) -> Network:
    """Stem 64; 2, 1, 1 bottlenecks of 512, 1024, 2048 channels; hidden FC 256; 20.52 M."""
    before = plan.scaled(64)
    layers: dict[str, nn.Module] = {
        "conv1": conv3x3(plan.channels, before),
        "bn1": plan.norm(before),
        "activation1": plan.activation(),
    }
    for k, (base, blocks) in enumerate(((256, 2), (512, 1), (1024, 1)), start=1):
        inner, to, stage = plan.scaled(base), plan.scaled(2 * base), nn.Sequential()
        for block in range(blocks):
            stride = 2 if k > 1 and block == 0 else 1
            stage.append(Bottleneck(before, inner, to, stride, plan))
            before = to
        layers[f"layer{k}"] = stage
    layers |= hidden_head(before, plan.scaled(256), plan)
    return Network(layers, stage_taps(3))
