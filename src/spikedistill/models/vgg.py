"""VGG networks for 32x32 images: VGG-9 (BNTT), VGG-11, VGG-16, and the VGG-11 of SASTC.

Simonyan, Zisserman, ICLR 2015, with norms. A stage ends before its max-pooling, with the
activation of its last convolution.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from spikedistill.models._network import Network, conv3x3, head, stage_taps
from spikedistill.models._plan import Plan, blueprint


def _stage(channels: int, widths: Sequence[int], plan: Plan) -> nn.Sequential:
    """conv-norm-activation for each width."""
    stage = nn.Sequential()
    for to in widths:
        stage.extend([conv3x3(channels, to), plan.norm(to), plan.activation()])
        channels = to
    return stage


def _pooled_stages(bases: Sequence[Sequence[int]], plan: Plan) -> dict[str, nn.Module]:
    """Stages `layer1..`, each followed by max-pooling that halves the grid."""
    layers: dict[str, nn.Module] = {}
    channels = plan.channels
    for k, stage in enumerate(bases, start=1):
        widths = [plan.scaled(base) for base in stage]
        layers[f"layer{k}"] = _stage(channels, widths, plan)
        # ceil_mode: a grid of 1 stays 1, so images below 32x32 pass all five poolings
        layers[f"pool{k}"] = nn.MaxPool2d(2, ceil_mode=True)
        channels = widths[-1]
    return layers


@blueprint
def vgg9(plan: Plan) -> Network:
    """The VGG-9 of BNTT: 64 x2, 128 x2, 256 x3; FC 4096-1024, activation, FC 1024-K; 5.94 M."""
    bases = ((64, 64), (128, 128), (256, 256, 256))
    features, hidden = plan.scaled(256), plan.scaled(1024)
    layers = _pooled_stages(bases, plan)
    layers |= {
        "pool": nn.AdaptiveAvgPool2d(4),
        "flatten": nn.Flatten(),
        "hidden": nn.Linear(16 * features, hidden),
        "activation1": plan.activation(),
        "linear": nn.Linear(hidden, plan.classes),
    }
    return Network(layers, stage_taps(3))


@blueprint
def vgg11(plan: Plan) -> Network:
    """VGG-11 with norms and one classifier layer: 9.23 M parameters, 0.153 GMAC at 32x32."""
    bases = ((64,), (128,), (256, 256), (512, 512), (512, 512))
    layers = _pooled_stages(bases, plan)
    return Network(layers | head(plan.scaled(512), plan.classes), stage_taps(5))


@blueprint
def vgg16(plan: Plan) -> Network:
    """VGG-16 with norms and one classifier layer: 14.72 M parameters, 0.313 GMAC at 32x32."""
    bases = ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3)
    layers = _pooled_stages(bases, plan)
    return Network(layers | head(plan.scaled(512), plan.classes), stage_taps(5))


@blueprint
def vgg11_sastc(plan: Plan) -> Network:
    """The VGG-11 student of SASTC: strides instead of pooling, three FC in a row; 34.44 M.

    Convolutions with bias; stages 1 to 4 end with the activation of convolutions 2, 4, 6, 8. Two
    of the FC layers are 4096 wide with nothing between them, as in the official code.
    """
    layers: dict[str, nn.Module] = {}
    before = plan.channels
    for k, bases in enumerate(((64, 128), (256, 256), (512, 512), (512, 512)), start=1):
        stage = nn.Sequential()
        for base, stride in zip(bases, (1, 2), strict=True):
            to = plan.scaled(base)
            stage.extend([conv3x3(before, to, stride, bias=True), plan.norm(to), plan.activation()])
            before = to
        layers[f"layer{k}"] = stage
    hidden = plan.scaled(4096)
    layers |= {
        "pool": nn.AdaptiveAvgPool2d(2),
        "flatten": nn.Flatten(),
        "linear1": nn.Linear(4 * before, hidden),
        "linear2": nn.Linear(hidden, hidden),
        "linear3": nn.Linear(hidden, plan.classes),
    }
    return Network(layers, stage_taps(4))
