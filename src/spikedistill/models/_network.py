"""What all blueprints build from: a named chain of layers that declares its taps, and its parts."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, fx, nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.models._plan import Plan

Traced = Tensor | fx.Proxy
"""A tensor, or what stands for it while `torch.fx` reads a network."""


class Network(nn.Module):
    """Named layers run one after another, with names for what can be tapped.

    Args:
        layers: name -> layer, in the order in which they run.
        taps: tap name -> dotted path of the module whose output is the tap.
    """

    def __init__(self, layers: Mapping[str, nn.Module], taps: Mapping[str, str]) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.taps = dict(taps)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Traced) -> Traced:
        """`[N, C, H, W]` to logits `[N, K]`."""
        for layer in self.children():
            x = layer(x)
        return x


def conv3x3(channels: int, to: int, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """A 3x3 convolution that keeps the grid, or divides it by `stride`."""
    return nn.Conv2d(channels, to, 3, stride, padding=1, bias=bias)


def conv1x1(channels: int, to: int, stride: int = 1) -> nn.Conv2d:
    """A 1x1 convolution without bias."""
    return nn.Conv2d(channels, to, 1, stride, bias=False)


def head(features: int, classes: int) -> dict[str, nn.Module]:
    """Global pooling, for any grid, and a linear classifier; `flatten` is the tap `pooled`."""
    return {
        "pool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(),
        "linear": nn.Linear(features, classes),
    }


def hidden_head(features: int, hidden: int, plan: Plan) -> dict[str, nn.Module]:
    """Global pooling and a classifier with one hidden layer; `flatten` is the tap `pooled`."""
    return {
        "pool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(),
        "hidden": nn.Linear(features, hidden),
        "activation2": plan.activation(),
        "linear": nn.Linear(hidden, plan.classes),
    }


def zero_channels(before: int, after: int) -> nn.Module:
    """Adds channels of zeros in front and behind: a shortcut to more channels, no parameters."""
    # to a padding of three axes, `[N, C, H, W]` is one volume of C slices for each of N
    return nn.ZeroPad3d((0, 0, 0, 0, before, after))


def stage_taps(stages: int) -> dict[str, str]:
    """Taps `stage1..stageK` on modules `layer1..layerK`, and `pooled`."""
    taps = {f"stage{k}": f"layer{k}" for k in range(1, stages + 1)}
    return taps | {"pooled": "flatten"}


def activated_taps(stages: int) -> dict[str, str]:
    """Taps `stageK_activated` of pre-activation networks: the first activation after stage K."""
    inner = {f"stage{k}_activated": f"layer{k + 1}.0.activation1" for k in range(1, stages)}
    return inner | {f"stage{stages}_activated": "activation1"}


def blocks_of_depth(depth: int, per_stage: int, extra: int, family: str) -> int:
    """The n of a depth of `per_stage * n + extra` layers.

    Raises:
        SpikedistillError: if no n fits.
    """
    n, rest = divmod(depth - extra, per_stage)
    if rest or n < 1:
        known = ", ".join(str(per_stage * n + extra) for n in range(1, 6))
        raise SpikedistillError(
            f"the depth of a {family} is {per_stage} n + {extra} ({known}, ...), not {depth}"
        )
    return n
