"""Post-activation residual blocks and the stages made of them."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from spikedistill.models._network import Traced, conv1x1, conv3x3, zero_channels
from spikedistill.models._plan import Plan

Shortcut = Callable[[int, int, int, Plan], nn.Module]
"""(channels, to, stride, plan) -> the module on the shortcut of a block."""


class BasicBlock(nn.Module):
    """conv-norm-activation-conv-norm, plus shortcut, activation (He et al. 2016, figure 2).

    The second activation follows the addition, so in a spiking network the block returns spikes.
    """

    def __init__(
        self,
        channels: int,
        to: int,
        stride: int,
        plan: Plan,
        shortcut: Shortcut,
    ) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, to, stride)
        self.bn1 = plan.norm(to)
        self.activation1 = plan.activation()
        self.conv2 = conv3x3(to, to)
        self.bn2 = plan.norm(to, residual=True)
        self.shortcut = shortcut(channels, to, stride, plan)
        self.activation2 = plan.activation()

    def forward(self, x: Traced) -> Traced:
        """`[N, C, H, W]` to `[N, to, H / stride, W / stride]`."""
        branch = self.activation1(self.bn1(self.conv1(x)))
        branch = self.bn2(self.conv2(branch))
        return self.activation2(branch + self.shortcut(x))


def projection(channels: int, to: int, stride: int, plan: Plan) -> nn.Module:
    """Option B: a strided 1x1 convolution and norm where the shape changes."""
    if stride == 1 and channels == to:
        return nn.Identity()
    return nn.Sequential(conv1x1(channels, to, stride), plan.norm(to, residual=True))


def pooled_projection(channels: int, to: int, stride: int, plan: Plan) -> nn.Module:
    """Average pooling, then a 1x1 convolution and norm where the shape changes (MPBN, FSTA)."""
    if stride == 1 and channels == to:
        return nn.Identity()
    # ceil_mode: odd grids shrink as those of the strided convolution beside it
    pool = nn.AvgPool2d(stride, ceil_mode=True)
    return nn.Sequential(pool, conv1x1(channels, to), plan.norm(to, residual=True))


def zero_padded(channels: int, to: int, stride: int, plan: Plan) -> nn.Module:
    """Option A: strided subsampling and channels of zeros, no parameters."""
    if stride == 1 and channels == to:
        return nn.Identity()
    before = (to - channels) // 2
    every = nn.AvgPool2d(1, stride)  # windows of one pixel: picks every stride-th
    return nn.Sequential(every, zero_channels(before, to - channels - before))


def basic_stage(
    channels: int,
    to: int,
    blocks: int,
    stride: int,
    plan: Plan,
    shortcut: Shortcut = projection,
) -> nn.Sequential:
    """`blocks` basic blocks, of which the first has the stride."""
    first = BasicBlock(channels, to, stride, plan, shortcut)
    rest = (BasicBlock(to, to, 1, plan, shortcut) for _ in range(blocks - 1))
    return nn.Sequential(first, *rest)
