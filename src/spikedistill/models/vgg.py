"""VGG networks for 32x32 images: VGG-9 (BNTT), VGG-11, VGG-16, and the VGG-11 of SASTC.

Simonyan, Zisserman, ICLR 2015, with norms. A stage ends before its max-pooling, with the
activation of its last convolution.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from spikedistill.core.factory import Activation, NormFactory, fresh
from spikedistill.layers.batch_norm import batch_norm
from spikedistill.models._network import Network, conv3x3, head, scaled, stage_taps

__all__ = ["vgg9", "vgg11", "vgg11_sastc", "vgg16"]


def _stage(
    channels: int, widths: Sequence[int], activation: Activation, norm: NormFactory
) -> nn.Sequential:
    """conv-norm-activation for each width."""
    stage = nn.Sequential()
    for to in widths:
        stage.extend([conv3x3(channels, to), norm(to), fresh(activation)])
        channels = to
    return stage


def _pooled_stages(
    plan: Sequence[Sequence[int]],
    activation: Activation,
    channels: int,
    width: float,
    norm: NormFactory,
) -> dict[str, nn.Module]:
    """Stages `layer1..`, each followed by max-pooling that halves the grid."""
    layers: dict[str, nn.Module] = {}
    for k, bases in enumerate(plan, start=1):
        widths = [scaled(base, width) for base in bases]
        layers[f"layer{k}"] = _stage(channels, widths, activation, norm)
        # ceil_mode: a grid of 1 stays 1, so images below 32x32 pass all five poolings
        layers[f"pool{k}"] = nn.MaxPool2d(2, ceil_mode=True)
        channels = widths[-1]
    return layers


def vgg9(
    activation: Activation = nn.ReLU,
    *,
    classes: int = 10,
    channels: int = 3,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """The VGG-9 of BNTT: 64 x2, 128 x2, 256 x3; FC 4096-1024, activation, FC 1024-K; 5.94 M."""
    plan = ((64, 64), (128, 128), (256, 256, 256))
    features, hidden = scaled(256, width), scaled(1024, width)
    layers = _pooled_stages(plan, activation, channels, width, norm)
    layers |= {
        "pool": nn.AdaptiveAvgPool2d(4),
        "flatten": nn.Flatten(),
        "hidden": nn.Linear(16 * features, hidden),
        "activation1": fresh(activation),
        "linear": nn.Linear(hidden, classes),
    }
    return Network(layers, stage_taps(3), classes)


def vgg11(
    activation: Activation = nn.ReLU,
    *,
    classes: int = 10,
    channels: int = 3,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """VGG-11 with norms and one classifier layer: 9.23 M parameters, 0.153 GMAC at 32x32."""
    plan = ((64,), (128,), (256, 256), (512, 512), (512, 512))
    layers = _pooled_stages(plan, activation, channels, width, norm)
    return Network(layers | head(scaled(512, width), classes), stage_taps(5), classes)


def vgg16(
    activation: Activation = nn.ReLU,
    *,
    classes: int = 10,
    channels: int = 3,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """VGG-16 with norms and one classifier layer: 14.72 M parameters, 0.313 GMAC at 32x32.

    Args:
        activation: a neuron or activation to copy, or something to call for a new one.
        classes: K of the output `[N, K]`.
        channels: C of the input `[N, C, H, W]`.
        width: factor on all hidden widths.
        norm: makes the norm layers.
    """
    plan = ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3)
    layers = _pooled_stages(plan, activation, channels, width, norm)
    return Network(layers | head(scaled(512, width), classes), stage_taps(5), classes)


def vgg11_sastc(
    activation: Activation = nn.ReLU,
    *,
    classes: int = 10,
    channels: int = 3,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """The VGG-11 student of SASTC: strides instead of pooling, three FC in a row; 34.44 M.

    Convolutions with bias; stages 1 to 4 end with the activation of convolutions 2, 4, 6, 8. Two
    of the FC layers are 4096 wide with nothing between them, as in the official code.
    """
    layers: dict[str, nn.Module] = {}
    before = channels
    for k, bases in enumerate(((64, 128), (256, 256), (512, 512), (512, 512)), start=1):
        stage = nn.Sequential()
        for base, stride in zip(bases, (1, 2), strict=True):
            to = scaled(base, width)
            stage.extend([conv3x3(before, to, stride, bias=True), norm(to), fresh(activation)])
            before = to
        layers[f"layer{k}"] = stage
    hidden = scaled(4096, width)
    layers |= {
        "pool": nn.AdaptiveAvgPool2d(2),
        "flatten": nn.Flatten(),
        "linear1": nn.Linear(4 * before, hidden),
        "linear2": nn.Linear(hidden, hidden),
        "linear3": nn.Linear(hidden, classes),
    }
    return Network(layers, stage_taps(4), classes)
