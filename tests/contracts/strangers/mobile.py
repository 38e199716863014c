"""Small convolutions: depthwise, shuffled, gated by what the channels hold."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def divisible(value: float, by: int = 2) -> int:
    return max(by, int(value + by / 2) // by * by)


class ConvBNReLU(nn.Sequential):
    def __init__(self, a: int, b: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(a, b, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
            nn.BatchNorm2d(b),
            nn.ReLU6(inplace=True),
        )


class InvertedResidual(nn.Module):
    def __init__(self, a: int, b: int, stride: int, ratio: int) -> None:
        super().__init__()
        hidden = divisible(a * ratio)
        self.use_res_connect = stride == 1 and a == b
        layers: list[nn.Module] = [] if ratio == 1 else [ConvBNReLU(a, hidden, kernel=1)]
        layers += [ConvBNReLU(hidden, hidden, stride=stride, groups=hidden)]
        layers += [nn.Conv2d(hidden, b, 1, bias=False), nn.BatchNorm2d(b)]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class Inverted(nn.Module):
    """As MobileNetV2."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            ConvBNReLU(3, 4, stride=2), InvertedResidual(4, 4, 1, 1), InvertedResidual(4, 4, 1, 2),
            InvertedResidual(4, 6, 2, 2), ConvBNReLU(6, 8, kernel=1),
        )  # fmt: skip
        self.classifier = nn.Sequential(nn.Dropout(p=0.2), nn.Linear(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = F.adaptive_avg_pool2d(x, (1, 1)).reshape(x.shape[0], -1)
        return self.classifier(x)


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    batch, channels, height, width = x.size()
    x = x.view(batch, groups, channels // groups, height, width)
    x = torch.transpose(x, 1, 2).contiguous()
    return x.view(batch, channels, height, width)


class ShuffleUnit(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch2 = nn.Sequential(
            nn.Conv2d(half, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU(inplace=True),
            nn.Conv2d(half, half, 3, 1, 1, groups=half, bias=False), nn.BatchNorm2d(half),
            nn.Conv2d(half, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU(inplace=True),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x1, x2 = x.chunk(2, dim=1)
        return channel_shuffle(torch.cat((x1, self.branch2(x2)), dim=1), 2)


class Shuffled(nn.Module):
    """As ShuffleNetV2."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(True))
        self.stage2 = nn.Sequential(ShuffleUnit(8), ShuffleUnit(8))
        self.conv5 = nn.Sequential(nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8), nn.ReLU(True))
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv5(self.stage2(self.conv1(x)))
        return self.fc(x.mean([2, 3]))


class SELayer(nn.Module):
    def __init__(self, channel: int, reduction: int = 2) -> None:
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channel, channel // reduction, bias=False), nn.ReLU(inplace=True),
            nn.Linear(channel // reduction, channel, bias=False), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        b, c, _, _ = x.size()
        y = self.avg_pool(x).view(b, c)
        y = self.fc(y).view(b, c, 1, 1)
        return x * y.expand_as(x)


class SqueezeExcite(nn.Module):
    """A block of which each channel is scaled by a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU(True))
        self.conv, self.norm, self.se = nn.Conv2d(6, 6, 3, 1, 1), nn.BatchNorm2d(6), SELayer(6)
        self.relu, self.fc = nn.ReLU(inplace=True), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.relu(x + self.se(self.norm(self.conv(x))))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


def hard_sigmoid(x: Tensor) -> Tensor:
    return F.relu6(x + 3.0) / 6.0


class HandWrittenSwish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * hard_sigmoid(x)


class HandWrittenGates(nn.Module):
    """As early MobileNetV3 code: swish and gate put together from ReLU6."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6)
        self.hs1 = HandWrittenSwish()
        self.conv2, self.bn2 = nn.Conv2d(6, 6, 3, 1, 1, groups=6), nn.BatchNorm2d(6)
        self.act, self.fc = nn.ReLU(inplace=True), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.hs1(self.bn1(self.conv1(x)))
        x = self.act(self.bn2(self.conv2(x)))
        return self.fc(x.mean(3).mean(2))


class ChannelAttention(nn.Module):
    """Channels weighed by how they resemble each other: two matrix products and a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu = nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU()
        self.gamma = nn.Parameter(torch.full((1,), 0.1))
        self.out, self.act, self.fc = nn.Conv2d(6, 6, 3, 1, 1), nn.ReLU(), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x))
        n, c, h, w = x.size()
        query = x.reshape(n, c, -1)
        energy = torch.bmm(query, query.permute(0, 2, 1))
        attention = F.softmax(torch.max(energy, -1, keepdim=True)[0].expand_as(energy) - energy, -1)
        x = self.gamma * torch.bmm(attention, query).view(n, c, h, w) + x
        return self.fc(self.act(self.out(x)).mean((2, 3)))


class LocalChannelAttention(nn.Module):
    """As ECA: a convolution along the channels makes the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu = nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU()
        self.gate = nn.Conv1d(1, 1, 3, padding=1, bias=False)
        self.avg_pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x))
        y = self.gate(self.avg_pool(x).squeeze(-1).transpose(-1, -2))
        y = y.transpose(-1, -2).unsqueeze(-1).sigmoid()
        return self.fc((x * y).sum((2, 3)) / 64)
