"""Vectors and signals: no images, memories at the end."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import weight_norm


class Perceptron(nn.Module):
    """Layers for vectors, with dropout."""

    def __init__(self, hidden: tuple[int, ...] = (16, 12)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        size = 10
        for width in hidden:
            layers += [nn.Linear(size, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.1)]
            size = width
        self.net, self.out = nn.Sequential(*layers), nn.Linear(size, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.net(x))


class Signals(nn.Module):
    """Convolutions along time."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv1d(2, 6, 5, stride=2, padding=2), nn.BatchNorm1d(6)
        self.conv2, self.bn2 = nn.Conv1d(6, 8, 3, padding=1), nn.BatchNorm1d(8)
        self.pool, self.fc = nn.MaxPool1d(2), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = F.relu(self.bn2(self.conv2(x)))
        return self.fc(F.adaptive_avg_pool1d(x, 1).squeeze(-1))


class SignalBlock(nn.Module):
    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(a, b, 3, 2, 1), nn.Conv1d(b, b, 3, 1, 1)
        self.bn1, self.bn2 = nn.BatchNorm1d(b), nn.BatchNorm1d(b)
        self.relu, self.shortcut = nn.ReLU(), nn.Conv1d(a, b, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def signal_resnet() -> nn.Module:
    return nn.Sequential(
        SignalBlock(2, 6), SignalBlock(6, 8), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 4)
    )


class Chomp(nn.Module):
    """Cuts off what looks into the future."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.chomp_size = size

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, : -self.chomp_size].contiguous()


class CausalBlock(nn.Module):
    def __init__(self, a: int, b: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = weight_norm(nn.Conv1d(a, b, 3, padding=2 * dilation, dilation=dilation))
        self.net = nn.Sequential(self.conv1, Chomp(2 * dilation), nn.ReLU(), nn.Dropout(0.1))
        self.downsample = nn.Conv1d(a, b, 1) if a != b else None
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out = self.net(x)
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class Causal(nn.Module):
    """As the temporal convolutional network: dilated, weight-normed, its last step read."""

    def __init__(self) -> None:
        super().__init__()
        self.tcn = nn.Sequential(CausalBlock(2, 6, 1), CausalBlock(6, 6, 2))
        self.linear = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.tcn(x)[:, :, -1])


class LSTMHead(nn.Module):
    """A memory reads the columns of a map."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(2), nn.ReLU())
        self.lstm = nn.LSTM(24, 8, batch_first=True)
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.cnn(x)
        b, c, h, w = x.shape
        out, (_hidden, _cell) = self.lstm(x.permute(0, 3, 1, 2).reshape(b, w, c * h))
        return self.fc(out[:, -1])


class GRUHead(nn.Module):
    """A memory with a start of its own, made for the size of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu = nn.Conv1d(2, 6, 5, 2, 2), nn.ReLU()
        self.gru, self.fc = nn.GRU(6, 8, num_layers=2, batch_first=True), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x)).transpose(1, 2)
        start = torch.zeros(2, x.size(0), 8, device=x.device)
        _, hidden = self.gru(x, start)
        return self.fc(hidden[-1])


class OnlyMemory(nn.Module):
    """Nothing that a neuron could replace."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.fc = nn.LSTM(2, 8, batch_first=True), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.lstm(x.transpose(1, 2))[0][:, -1])
