"""Activations that a user wrote as modules."""

import torch
from torch import Tensor, nn

from spikedistill.core.activations import RECTIFIERS
from spikedistill.core.own_activations import is_builtin, own_activations


class Floor(torch.autograd.Function):
    """Whole numbers, with the gradient of the identity; torch.fx cannot follow it."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.floor()

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:
        return grad


class QCFS(nn.Module):
    """As the code of Bu et al. (ICLR 2022) writes it: with parts of its own."""

    def __init__(self, levels: int = 4, up: float = 8.0) -> None:
        super().__init__()
        self.levels, self.up, self.expand = levels, nn.Parameter(torch.tensor([up])), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.expand(torch.clamp(x / self.up, 0, 1))
        return Floor.apply(x * self.levels + 0.5) / self.levels * self.up


class Written(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x < 0, torch.zeros_like(x), x)


class Assigned(nn.Module):
    """What torch.fx cannot follow: an assignment by a mask."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.clone()
        x[x < 0] = 0
        return x


class Swish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


class Plain(nn.Module):
    """Explained by what it calls."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x)


class Layer(nn.Module):
    """An activation and a layer, and so no activation."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return Floor.apply(self.linear(x)).clamp(0, 1)


class Renamed(nn.ReLU):
    pass


class Derived(nn.ReLU):
    """No ReLU, whatever it is derived from."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


def test_wholes() -> None:
    kinds = (QCFS, Written, Assigned, Swish, Plain, Layer, Renamed, Derived)
    network = nn.Sequential(*(kind() for kind in kinds))
    found = own_activations(network, RECTIFIERS)
    assert [type(module) for module in found] == [QCFS, Written, Assigned]
    assert own_activations(network[1], RECTIFIERS) == []  # the network itself has no place


def test_the_outermost_is_one() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = Assigned(), Written()

        def forward(self, x: Tensor) -> Tensor:
            return self.other(self.one(x))

    network = nn.Sequential(Twice())
    assert own_activations(network, RECTIFIERS) == [network[0]]


def test_builtin_is_what_runs_the_forward_of_torch() -> None:
    assert is_builtin(nn.Conv2d(1, 1, 1)) and is_builtin(Renamed()) and is_builtin(nn.LSTM(2, 2))
    assert is_builtin(nn.MultiheadAttention(4, 2))
    assert not is_builtin(Derived()) and not is_builtin(nn.Sequential()) and not is_builtin(Layer())
