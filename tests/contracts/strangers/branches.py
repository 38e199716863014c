"""Forwards that fork: on the mode, on the size, on an argument, and come together again."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BasicConv2d(nn.Module):
    def __init__(self, a: int, b: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(a, b, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(b, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch1 = BasicConv2d(channels, 2, kernel_size=1)
        self.branch2 = nn.Sequential(
            BasicConv2d(channels, 2, kernel_size=1), BasicConv2d(2, 4, kernel_size=3, padding=1)
        )
        self.branch_pool = BasicConv2d(channels, 2, kernel_size=1)

    def _forward(self, x: Tensor) -> list[Tensor]:
        pooled = F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)
        return [self.branch1(x), self.branch2(x), self.branch_pool(pooled)]

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(self._forward(x), 1)


class AuxiliaryHead(nn.Module):
    """As GoogLeNet: a second answer, in training only."""

    def __init__(self, aux_logits: bool = True) -> None:
        super().__init__()
        self.stem, self.mixed1, self.mixed2 = (
            BasicConv2d(3, 6, kernel_size=3, stride=2, padding=1), Inception(6), Inception(8)
        )  # fmt: skip
        self.aux, self.fc = nn.Linear(8, 4), nn.Linear(8, 4)
        self.aux_logits = aux_logits

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = self.mixed1(self.stem(x))
        aux = self.aux(x.mean((2, 3))) if self.training and self.aux_logits else None
        x = self.fc(self.mixed2(x).mean((2, 3)))
        if self.training and self.aux_logits:
            return x, aux
        return x


class DoubleConv(nn.Module):
    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
            nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.double_conv(x)


class DownAndUp(nn.Module):
    """As U-Net, pooled for classes: padded to one size, joined with what came before."""

    def __init__(self) -> None:
        super().__init__()
        self.inc, self.down = DoubleConv(3, 4), nn.Sequential(nn.MaxPool2d(2), DoubleConv(4, 6))
        self.up = nn.ConvTranspose2d(6, 4, kernel_size=2, stride=2)
        self.smooth = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.conv, self.outc = DoubleConv(14, 4), nn.Conv2d(4, 4, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.inc(x)
        x2 = self.down(x1)
        up = self.up(x2)
        dy, dx = x1.size(2) - up.size(2), x1.size(3) - up.size(3)
        up = F.pad(up, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        x = self.conv(torch.cat([x1, up, self.smooth(x2)], dim=1))
        return self.outc(x).mean((2, 3))


class BySize(nn.Module):
    """Shrinks large images first, and only then."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)
        self.relu1, self.relu2, self.fc = nn.ReLU(), nn.ReLU(), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] > 8:
            x = F.interpolate(x, size=(8, 8), mode="bilinear", align_corners=False)
        x = self.relu1(self.conv1(x))
        if x.size(2) % 2 == 0:
            x = F.max_pool2d(x, 2)
        return self.fc(self.relu2(self.conv2(x)).mean((2, 3)))


class BySizeAndFunctions(BySize):
    """The same, with activations as functions beside one that is a module."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))
        if x.size(2) > 8:
            x = F.max_pool2d(x, 2)
        return self.fc(self.relu2(self.conv2(x)).mean((2, 3)))


class ByMode(nn.Module):
    """Adds noise to its features, and looks at half of them, in training."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 8, 3, 2, 1)
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))
        if self.training:
            x = x + 0.01 * torch.randn_like(x)
        x = F.relu(self.conv2(x))
        return self.fc(x.mean((2, 3)))


class OptionalArguments(nn.Module):
    """As many a library's: a flag that returns features, a mask that may be absent, the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 8, 3, 2, 1)
        self.fc = nn.Linear(8, 4)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, return_features: bool = False, **kwargs: Any
    ) -> Any:
        x = F.relu(self.conv1(x))
        if mask is not None:
            x = x * mask
        features = F.relu(self.conv2(x))
        if kwargs.get("global_pool", True):
            features = features.mean((2, 3))
        return (self.fc(features), features) if return_features else self.fc(features)


class AnyArguments(nn.Module):
    """Hands on whatever it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(6 * 64, 8), nn.ReLU(), nn.Linear(8, 4))

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        return self.head(self.backbone(*args, **kwargs))


class SecondInput(nn.Module):
    """Needs two inputs, where the data have one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act, self.fc = nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Linear(6, 4)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return self.fc(self.act(self.conv(x)).mean((2, 3)) / lengths[:, None])
