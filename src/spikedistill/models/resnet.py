"""ResNets with projection shortcuts: ResNet-18, 34, 20m, four "ResNet-19", ResNet-34 of ImageNet.

Basic blocks of He et al., CVPR 2016. For 32x32 images a 3x3 stem of stride 1 and no max-pooling.
Papers on spiking networks call four different networks ResNet-19; each has its own name here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from spikedistill.models._blocks import Shortcut, basic_stage, pooled_projection, projection
from spikedistill.models._network import (
    Network,
    conv3x3,
    head,
    hidden_head,
    stage_taps,
)
from spikedistill.models._plan import Plan, blueprint


def _stages(
    stem: int,
    widths: Sequence[int],
    blocks: Sequence[int],
    plan: Plan,
    shortcut: Shortcut = projection,
) -> dict[str, nn.Module]:
    """Stages `layer1..`; the first keeps the grid, each later one halves it."""
    stages: dict[str, nn.Module] = {}
    before = stem
    for k, (to, count) in enumerate(zip(widths, blocks, strict=True), start=1):
        stride = 1 if k == 1 else 2
        stages[f"layer{k}"] = basic_stage(before, to, count, stride, plan, shortcut)
        before = to
    return stages


def _stem(to: int, plan: Plan) -> dict[str, nn.Module]:
    """One 3x3 convolution, norm, activation."""
    return {
        "conv1": conv3x3(plan.channels, to),
        "bn1": plan.norm(to),
        "activation1": plan.activation(),
    }


def _large_stem(to: int, plan: Plan) -> dict[str, nn.Module]:
    """A 7x7 convolution and a pooling, each of stride 2: a quarter of the grid."""
    conv = nn.Conv2d(plan.channels, to, 7, 2, padding=3, bias=False)
    layers = {"conv1": conv, "bn1": plan.norm(to), "activation1": plan.activation()}
    return layers | {"stem_pool": nn.MaxPool2d(3, 2, padding=1)}


def _four_stages(
    blocks: Sequence[int],
    plan: Plan,
    stem: Callable[..., dict[str, nn.Module]] = _stem,
) -> Network:
    """ResNet-18 and 34: stages of 64, 128, 256, 512 channels."""
    widths = [plan.scaled(base) for base in (64, 128, 256, 512)]
    layers = stem(widths[0], plan)
    layers |= _stages(widths[0], widths, blocks, plan)
    return Network(layers | head(widths[-1], plan.classes), stage_taps(4))


@blueprint
def resnet18(plan: Plan) -> Network:
    """ResNet-18 for small images: 11.17 M parameters, 0.555 GMAC a step at 32x32."""
    return _four_stages((2, 2, 2, 2), plan)


@blueprint
def resnet34(plan: Plan) -> Network:
    """ResNet-34 for small images: 21.28 M parameters, 1.159 GMAC a step at 32x32."""
    return _four_stages((3, 4, 6, 3), plan)


@blueprint
def resnet34_imagenet(plan: Plan) -> Network:
    """ResNet-34 of ImageNet: 21.80 M parameters with 1000 classes, 3.664 GMAC a step at 224x224."""
    blocks = (3, 4, 6, 3)
    return _four_stages(blocks, plan, _large_stem)


def _nineteen(
    stem: int,
    hidden: int | None,
    plan: Plan,
) -> Network:
    """The ResNet-19 family: stages of 128 x3, 256 x3, 512 x2."""
    stem = plan.scaled(stem)
    widths = [plan.scaled(base) for base in (128, 256, 512)]
    layers = _stem(stem, plan)
    layers |= _stages(stem, widths, (3, 3, 2), plan)
    if hidden is None:
        layers |= head(widths[-1], plan.classes)
    else:
        layers |= hidden_head(widths[-1], plan.scaled(hidden), plan)
    return Network(layers, stage_taps(3))


@blueprint
def resnet19(plan: Plan) -> Network:
    """ResNet-19 of the code of STBP-simple, TET and SASTC: stem 64, hidden FC 256; 12.63 M."""
    return _nineteen(64, 256, plan)


@blueprint
def resnet19_no_fc(plan: Plan) -> Network:
    """ResNet-19 as the teacher of SASTC: stem 64, no hidden FC; 12.50 M parameters."""
    return _nineteen(64, None, plan)


@blueprint
def resnet19_wide_stem(plan: Plan) -> Network:
    """ResNet-19 of the tdBN paper (arXiv 2011.05280) and TDD: stem 128, hidden FC 256; 12.70 M."""
    return _nineteen(128, 256, plan)


@blueprint
def resnet19_wide_stem_no_fc(plan: Plan) -> Network:
    """ResNet-19 of MPBN and FSTA: stem 128, no hidden FC; 12.57 M parameters."""
    return _nineteen(128, None, plan)


@blueprint
def resnet20m(plan: Plan) -> Network:
    """The "ResNet-20" of MPBN and FSTA: 11.25 M parameters, 0.216 GMAC a step at 32x32.

    A stem of three convolutions and average pooling; shortcuts pool before their 1x1 convolution.
    """
    widths = [plan.scaled(base) for base in (64, 128, 256, 512)]
    layers: dict[str, nn.Module] = {}
    before = plan.channels
    for k in (1, 2, 3):
        layers[f"conv{k}"] = conv3x3(before, widths[0])
        layers[f"bn{k}"] = plan.norm(widths[0])
        layers[f"activation{k}"] = plan.activation()
        before = widths[0]
    layers["stem_pool"] = nn.AvgPool2d(2, ceil_mode=True)
    layers |= _stages(before, widths, (2, 2, 2, 2), plan, pooled_projection)
    return Network(layers | head(widths[-1], plan.classes), stage_taps(4))
