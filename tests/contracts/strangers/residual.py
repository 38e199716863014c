"""Sums and concatenations of paths, in the dialects of public code."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def conv3x3(a: int, b: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(a, b, 3, stride, 1, groups=groups, bias=False)


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inplanes: int, planes: int, stride: int = 1,
                 downsample: nn.Module | None = None, groups: int = 1) -> None:  # fmt: skip
        super().__init__()
        self.conv1, self.bn1 = conv3x3(inplanes, planes, stride), nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2, self.bn2 = conv3x3(planes, planes), nn.BatchNorm2d(planes)
        self.downsample, self.stride = downsample, stride

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class Bottleneck(nn.Module):
    expansion = 2

    def __init__(self, inplanes: int, planes: int, stride: int = 1,
                 downsample: nn.Module | None = None, groups: int = 1) -> None:  # fmt: skip
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inplanes, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = conv3x3(planes, planes, stride, groups), nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    """As torchvision's: one forward that only calls another method."""

    def __init__(self, block: type[BasicBlock] | type[Bottleneck], groups: int = 1) -> None:
        super().__init__()
        self.inplanes, self.groups = 4, groups
        self.conv1, self.bn1 = conv3x3(3, 4), nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._make_layer(block, 4, 1)
        self.layer2 = self._make_layer(block, 6, 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(6 * block.expansion, 4)

    def _make_layer(
        self, block: type[BasicBlock] | type[Bottleneck], planes: int, stride: int
    ) -> nn.Sequential:
        downsample = None
        planes = planes - planes % self.groups
        if stride != 1 or self.inplanes != planes * block.expansion:
            downsample = nn.Sequential(
                nn.Conv2d(self.inplanes, planes * block.expansion, 1, stride, bias=False),
                nn.BatchNorm2d(planes * block.expansion),
            )
        layers = [block(self.inplanes, planes, stride, downsample, self.groups)]
        self.inplanes = planes * block.expansion
        layers.append(block(self.inplanes, planes, groups=self.groups))
        return nn.Sequential(*layers)

    def _forward_impl(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.avgpool(self.layer2(self.layer1(x)))
        return self.fc(torch.flatten(x, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


basic = partial(ResNet, BasicBlock)
bottleneck = partial(ResNet, Bottleneck)
grouped = partial(ResNet, Bottleneck, groups=2)


class PreActivationBlock(nn.Module):
    def __init__(self, a: int, b: int, stride: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(a), conv3x3(a, b, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(b), conv3x3(b, b)
        if stride != 1 or a != b:
            self.shortcut = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(x))
        shortcut = self.shortcut(out) if hasattr(self, "shortcut") else x
        out = self.conv1(out)
        out = self.conv2(F.relu(self.bn2(out)))
        out += shortcut
        return out


class PreActivation(nn.Module):
    """As the CIFAR networks of many repositories: norms and functions before convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = conv3x3(3, 6)
        self.layer1, self.layer2 = PreActivationBlock(6, 6, 1), PreActivationBlock(6, 8, 2)
        self.bn, self.linear = nn.BatchNorm2d(8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer2(self.layer1(self.conv1(x)))
        out = F.avg_pool2d(F.relu(self.bn(out)), 8)
        return self.linear(out.view(out.size(0), -1))


class DropPath(nn.Module):
    """Leaves out the path of some samples in training."""

    def __init__(self, drop_prob: float = 0.0) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        if self.drop_prob == 0.0 or not self.training:
            return x
        shape = (x.shape[0],) + (1,) * (x.ndim - 1)
        return x * x.new_empty(shape).bernoulli_(1 - self.drop_prob).div_(1 - self.drop_prob)


class FlexibleBlock(nn.Module):
    def __init__(self, width: int, act_layer: type[nn.Module], norm_layer: type[nn.Module],
                 drop_path: float) -> None:  # fmt: skip
        super().__init__()
        self.conv1, self.bn1 = conv3x3(width, width), norm_layer(width)
        self.act1 = act_layer(inplace=True)
        self.conv2, self.bn2 = conv3x3(width, width), norm_layer(width)
        self.drop_path = DropPath(drop_path) if drop_path > 0 else nn.Identity()
        self.act2 = act_layer(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        x = self.act1(self.bn1(self.conv1(x)))
        x = self.drop_path(self.bn2(self.conv2(x)))
        x += shortcut
        return self.act2(x)


class SelectPool(nn.Module):
    def __init__(self, pool_type: str = "avg", flatten: bool = True) -> None:
        super().__init__()
        self.pool_type = pool_type
        self.pool = nn.AdaptiveAvgPool2d(1) if pool_type == "avg" else nn.AdaptiveMaxPool2d(1)
        self.flatten = nn.Flatten(1) if flatten else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.flatten(self.pool(x))


class Flexible(nn.Module):
    """As timm's: `forward_features`, `forward_head`, classes of layers as arguments."""

    def __init__(self, act_layer: type[nn.Module] = nn.ReLU, drop_path: float = 0.0) -> None:
        super().__init__()
        self.num_classes, self.num_features, self.drop_rate = 4, 6, 0.1
        self.conv1, self.bn1 = conv3x3(3, 6, 2), nn.BatchNorm2d(6)
        self.act1 = act_layer(inplace=True)
        self.layer1 = nn.Sequential(
            *(FlexibleBlock(6, act_layer, nn.BatchNorm2d, drop_path) for _ in range(2))
        )
        self.global_pool = SelectPool("avg")
        self.fc = nn.Linear(6, 4)

    def forward_features(self, x: Tensor) -> Tensor:
        return self.layer1(self.act1(self.bn1(self.conv1(x))))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        x = self.global_pool(x)
        if self.drop_rate:
            x = F.dropout(x, p=float(self.drop_rate), training=self.training)
        return x if pre_logits else self.fc(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))


stochastic_depth = partial(Flexible, drop_path=0.5)


class DenseLayer(nn.Module):
    def __init__(self, channels: int, growth: int, drop_rate: float = 0.1) -> None:
        super().__init__()
        self.norm1, self.relu1 = nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(channels, 2 * growth, 1, bias=False)
        self.norm2, self.relu2 = nn.BatchNorm2d(2 * growth), nn.ReLU(inplace=True)
        self.conv2 = conv3x3(2 * growth, growth)
        self.drop_rate = drop_rate

    def bottleneck(self, inputs: list[Tensor]) -> Tensor:
        return self.conv1(self.relu1(self.norm1(torch.cat(inputs, 1))))

    def forward(self, inputs: Tensor | list[Tensor]) -> Tensor:
        before = [inputs] if isinstance(inputs, Tensor) else inputs
        new = self.conv2(self.relu2(self.norm2(self.bottleneck(before))))
        if self.drop_rate > 0:
            new = F.dropout(new, p=self.drop_rate, training=self.training)
        return new


class DenseBlock(nn.ModuleDict):
    def __init__(self, layers: int, channels: int, growth: int) -> None:
        super().__init__()
        for number in range(layers):
            layer = DenseLayer(channels + number * growth, growth)
            self.add_module(f"denselayer{number + 1}", layer)

    def forward(self, init: Tensor) -> Tensor:
        features = [init]
        for _, layer in self.items():
            features.append(layer(features))
        return torch.cat(features, 1)


class Dense(nn.Module):
    """As DenseNet: lists of maps, joined before each layer."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential()
        self.features.add_module("conv0", conv3x3(3, 4, 2))
        self.features.add_module("denseblock1", DenseBlock(2, 4, 2))
        self.features.add_module(
            "transition1",
            nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(True), nn.Conv2d(8, 4, 1), nn.AvgPool2d(2, 2)),
        )
        self.features.add_module("denseblock2", DenseBlock(2, 4, 2))
        self.features.add_module("norm5", nn.BatchNorm2d(8))
        self.classifier = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.features(x), inplace=True)
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(out, (1, 1)), 1))


class Checkpointed(nn.Module):
    """Runs its blocks again in the backward pass, to save memory."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv3x3(3, 6, 2), nn.BatchNorm2d(6), nn.ReLU())
        self.blocks = nn.ModuleList([BasicBlock(6, 6), BasicBlock(6, 6)])
        self.fc = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            if self.training and torch.is_grad_enabled():
                x = checkpoint(block, x, use_reentrant=False)
            else:
                x = block(x)
        return self.fc(x.mean((2, 3)))


class ReparametrisableBlock(nn.Module):
    """As RepVGG's: three linear branches in training, one convolution when deployed."""

    def __init__(self, width: int, nonlinearity: Callable[[], nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.deploy = False
        self.nonlinearity = nonlinearity()
        self.rbr_identity = nn.BatchNorm2d(width)
        self.rbr_dense = nn.Sequential(conv3x3(width, width), nn.BatchNorm2d(width))
        self.rbr_1x1 = nn.Sequential(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width))

    def forward(self, inputs: Tensor) -> Tensor:
        if hasattr(self, "rbr_reparam"):
            return self.nonlinearity(self.rbr_reparam(inputs))
        identity = 0 if self.rbr_identity is None else self.rbr_identity(inputs)
        return self.nonlinearity(self.rbr_dense(inputs) + self.rbr_1x1(inputs) + identity)


class Reparametrisable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stage0 = nn.Sequential(conv3x3(3, 6, 2), nn.BatchNorm2d(6), nn.ReLU())
        self.stage1 = nn.Sequential(ReparametrisableBlock(6), ReparametrisableBlock(6))
        self.gap, self.linear = nn.AdaptiveAvgPool2d(output_size=1), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        out = self.gap(self.stage1(self.stage0(x)))
        return self.linear(out.view(out.size(0), -1))
