"""The CIFAR ResNets of 6n + 2 layers with parameter-free shortcuts.

He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2: stem
16; n basic blocks in each of three stages of 16, 32 and 64 channels; option-A shortcuts. Module
names are those of the widely used weights of Y. Idelbayev (pytorch_resnet_cifar10), which load
as they are.
"""

from __future__ import annotations

from torch import nn

from spikedistill.core.factory import Activation, NormFactory, fresh
from spikedistill.layers.batch_norm import batch_norm
from spikedistill.models._blocks import basic_stage, zero_padded
from spikedistill.models._network import (
    Network,
    blocks_of_depth,
    conv3x3,
    head,
    scaled,
    stage_taps,
)

__all__ = [
    "cifar_resnet",
    "cifar_resnet20",
    "cifar_resnet32",
    "cifar_resnet44",
    "cifar_resnet56",
]


def cifar_resnet(
    activation: Activation = nn.ReLU,
    *,
    depth: int = 14,
    classes: int = 10,
    channels: int = 3,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """A CIFAR ResNet of any depth 6n + 2.

    Args:
        activation: a neuron or activation to copy, or something to call for a new one.
        depth: convolutions and classifier together, 6n + 2.
        classes: K of the output `[N, K]`.
        channels: C of the input `[N, C, H, W]`.
        width: factor on all hidden widths.
        norm: makes the norm layers.

    Raises:
        SpikedistillError: if `depth` is not 6n + 2.
    """
    n = blocks_of_depth(depth, 6, 2, "CIFAR ResNet")
    w1, w2, w3 = (scaled(base, width) for base in (16, 32, 64))
    layers: dict[str, nn.Module] = {
        "conv1": conv3x3(channels, w1),
        "bn1": norm(w1),
        "activation1": fresh(activation),
        "layer1": basic_stage(w1, w1, n, 1, activation, norm, zero_padded),
        "layer2": basic_stage(w1, w2, n, 2, activation, norm, zero_padded),
        "layer3": basic_stage(w2, w3, n, 2, activation, norm, zero_padded),
    }
    return Network(layers | head(w3, classes), stage_taps(3), classes)


def cifar_resnet20(
    activation: Activation = nn.ReLU,
    *,
    classes: int = 10,
    channels: int = 3,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """CIFAR ResNet-20: 0.27 M parameters, 0.041 GMAC a step at 32x32."""
    return cifar_resnet(
        activation, depth=20, classes=classes, channels=channels, width=width, norm=norm
    )


def cifar_resnet32(
    activation: Activation = nn.ReLU,
    *,
    classes: int = 10,
    channels: int = 3,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """CIFAR ResNet-32: 0.46 M parameters, 0.069 GMAC a step at 32x32."""
    return cifar_resnet(
        activation, depth=32, classes=classes, channels=channels, width=width, norm=norm
    )


def cifar_resnet44(
    activation: Activation = nn.ReLU,
    *,
    classes: int = 10,
    channels: int = 3,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """CIFAR ResNet-44: 0.66 M parameters, 0.097 GMAC a step at 32x32."""
    return cifar_resnet(
        activation, depth=44, classes=classes, channels=channels, width=width, norm=norm
    )


def cifar_resnet56(
    activation: Activation = nn.ReLU,
    *,
    classes: int = 10,
    channels: int = 3,
    width: float = 1.0,
    norm: NormFactory = batch_norm,
) -> Network:
    """CIFAR ResNet-56: 0.85 M parameters, 0.125 GMAC a step at 32x32."""
    return cifar_resnet(
        activation, depth=56, classes=classes, channels=channels, width=width, norm=norm
    )
