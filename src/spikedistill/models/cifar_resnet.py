"""The CIFAR ResNets of 6n + 2 layers with parameter-free shortcuts.

He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2: stem
16; n basic blocks in each of three stages of 16, 32 and 64 channels; option-A shortcuts. Module
names are those of the widely used weights of Y. Idelbayev (pytorch_resnet_cifar10), which load
as they are.
"""

from __future__ import annotations

from torch import nn

from spikedistill.models._blocks import basic_stage, zero_padded
from spikedistill.models._network import (
    Network,
    blocks_of_depth,
    conv3x3,
    head,
    stage_taps,
)
from spikedistill.models._plan import Plan, blueprint


def _cifar_resnet(plan: Plan, depth: int) -> Network:
    n = blocks_of_depth(depth, 6, 2, "CIFAR ResNet")
    w1, w2, w3 = (plan.scaled(base) for base in (16, 32, 64))
    layers: dict[str, nn.Module] = {
        "conv1": conv3x3(plan.channels, w1),
        "bn1": plan.norm(w1),
        "activation1": plan.activation(),
        "layer1": basic_stage(w1, w1, n, 1, plan, zero_padded),
        "layer2": basic_stage(w1, w2, n, 2, plan, zero_padded),
        "layer3": basic_stage(w2, w3, n, 2, plan, zero_padded),
    }
    return Network(layers | head(w3, plan.classes), stage_taps(3))


@blueprint
def cifar_resnet(plan: Plan, depth: int = 14) -> Network:
    """A CIFAR ResNet of any depth 6n + 2.

    Args:
        depth: convolutions and classifier together, 6n + 2.

    Raises:
        SpikedistillError: if `depth` is not 6n + 2.
    """
    return _cifar_resnet(plan, depth)


@blueprint
def cifar_resnet20(plan: Plan) -> Network:
    """CIFAR ResNet-20: 0.27 M parameters, 0.041 GMAC a step at 32x32."""
    return _cifar_resnet(plan, 20)


@blueprint
def cifar_resnet32(plan: Plan) -> Network:
    """CIFAR ResNet-32: 0.46 M parameters, 0.069 GMAC a step at 32x32."""
    return _cifar_resnet(plan, 32)


@blueprint
def cifar_resnet44(plan: Plan) -> Network:
    """CIFAR ResNet-44: 0.66 M parameters, 0.097 GMAC a step at 32x32."""
    return _cifar_resnet(plan, 44)


@blueprint
def cifar_resnet56(plan: Plan) -> Network:
    """CIFAR ResNet-56: 0.85 M parameters, 0.125 GMAC a step at 32x32."""
    return _cifar_resnet(plan, 56)
