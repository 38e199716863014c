"""Convolutions one after the other: in a row, in lists, by functions, with many activations."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def in_a_row() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    )


class FeaturesAndClassifier(nn.Module):
    """As VGG: built from a list of widths, with dropout between the linear layers."""

    def __init__(self, widths: tuple[int | str, ...] = (6, "M", 8, 8, "M")) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in widths:
            if isinstance(width, str):
                layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            else:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(True)]
                channels = width
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(
            nn.Linear(channels * 4, 12), nn.ReLU(True), nn.Dropout(0.5),
            nn.Linear(12, 12), nn.ReLU(True), nn.Dropout(0.5), nn.Linear(12, 4),
        )  # fmt: skip
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        return self.classifier(torch.flatten(x, 1))


class OnlyFunctions(nn.Module):
    """As the first tutorial: nothing but layers with weights is a module."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 8, 3)
        self.fc1, self.fc2 = nn.Linear(8 * 4, 10), nn.Linear(10, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = x.view(x.size(0), -1)
        x = F.dropout(F.relu(self.fc1(x)), 0.2, training=self.training)
        return self.fc2(x)


class OneActivation(nn.Module):
    """One nn.ReLU, called wherever one is needed."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 8, 3, 2, 1)
        self.conv3, self.fc = nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.conv1(x))
        x = self.act(self.conv2(x))
        x = self.act(self.conv3(x))
        return self.fc(x.mean([2, 3]))


class OverwritesItsInput(nn.Module):
    """Activations and sums in place, by method and by function."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 6, 3, 1, 1)
        self.norm, self.fc = nn.BatchNorm2d(6), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        x.relu_()
        kept = x.clone()
        x = self.norm(self.conv2(x))
        x += kept
        F.relu(x, inplace=True)
        x *= 0.5
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class InALoop(nn.Module):
    """Layers and activations in lists, walked together."""

    def __init__(self, widths: tuple[int, ...] = (3, 6, 6, 8)) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(widths))
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairs)
        self.norms = nn.ModuleList([nn.BatchNorm2d(b) for _, b in pairs])
        self.acts = nn.ModuleList([nn.ReLU() for _ in pairs])
        self.fc = nn.Linear(widths[-1], 4)

    def forward(self, x: Tensor) -> Tensor:
        for conv, norm, act in zip(self.convs, self.norms, self.acts, strict=True):
            x = act(norm(conv(x)))
        return self.fc(x.flatten(2).mean(-1))


class ByName(nn.Module):
    """Layers and the choice of an activation in dictionaries."""

    def __init__(self, activation: str = "relu") -> None:
        super().__init__()
        self.activations = nn.ModuleDict({"relu": nn.ReLU(), "lrelu": nn.LeakyReLU(0.1)})
        self.layers = nn.ModuleDict()
        for number, (a, b) in enumerate([(3, 6), (6, 8)]):
            self.layers[f"block{number}"] = nn.Sequential(nn.Conv2d(a, b, 3, 2, 1))
        self.layers["head"] = nn.Linear(8, 4)
        self.chosen = activation

    def forward(self, x: Tensor) -> Tensor:
        for name, layer in self.layers.items():
            if name != "head":
                x = self.activations[self.chosen](layer(x))
        return self.layers["head"](x.amax((-2, -1)))


class FullyConvolutional(nn.Module):
    """No linear layer: class maps, averaged at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU()
        )
        self.scores = nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.scores(self.body(x)).mean(dim=(-1, -2))


class Fire(nn.Module):
    def __init__(self, channels: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeeze, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1, self.expand3x3 = (
            nn.Conv2d(squeeze, expand, 1), nn.Conv2d(squeeze, expand, 3, padding=1)
        )  # fmt: skip
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        return torch.cat(
            [
                self.expand1x1_activation(self.expand1x1(x)),
                self.expand3x3_activation(self.expand3x3(x)),
            ],
            1,
        )


class Squeezed(nn.Module):
    """As SqueezeNet: fire modules, and a convolution with a ReLU behind it as classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(inplace=True), Fire(6, 3, 4),
            nn.MaxPool2d(3, 2, ceil_mode=True), Fire(8, 4, 4),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Conv2d(8, 4, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.flatten(self.classifier(self.features(x)), 1)


def many_activations() -> nn.Module:
    """Every rectifier that there is, one after the other."""
    kinds = [nn.PReLU(6), nn.LeakyReLU(0.1, True), nn.ELU(), nn.Hardtanh(0, 1), nn.CELU()]
    blocks = [nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), kind) for kind in (*kinds, nn.SELU())]
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, 2, 1), *blocks, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(6, 4)
    )


class SmoothAtFirst(nn.Module):
    """As MobileNetV3: smooth activations in the stem, ReLU behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.Hardswish())
        self.second = nn.Sequential(nn.Conv2d(6, 6, 3, 1, 1), nn.BatchNorm2d(6), nn.SiLU(True))
        self.third = nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6(True))
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.third(self.second(self.stem(x))).mean((2, 3)))
