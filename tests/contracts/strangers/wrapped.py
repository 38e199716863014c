"""Networks inside of something: wrappers, parametrisations, holders, habits."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations


def small(width: int = 6) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU(),
        nn.Conv2d(width, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    )  # fmt: skip


def data_parallel() -> nn.Module:
    return nn.DataParallel(small())


class OptimizedModule(nn.Module):
    """What `torch.compile` returns, without the compiler."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._orig_mod = module

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            return self._modules["_orig_mod"]
        return getattr(self._orig_mod, name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._orig_mod(*args, **kwargs)


def compiled() -> nn.Module:
    return OptimizedModule(small())


class NormalizeLayer(nn.Module):
    """As in robustness code: the network takes images in [0, 1]."""

    def __init__(self, means: list[float], sds: list[float]) -> None:
        super().__init__()
        self.means, self.sds = torch.tensor(means), torch.tensor(sds)

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        means = self.means.repeat((n, height, width, 1)).permute(0, 3, 1, 2)
        sds = self.sds.repeat((n, height, width, 1)).permute(0, 3, 1, 2)
        return (x - means) / sds


def normalised() -> nn.Module:
    return nn.Sequential(NormalizeLayer([0.5, 0.4, 0.4], [0.2, 0.2, 0.3]), small())


class Lightning(nn.Module):
    """A holder with a loss, a metric and an average of the weights beside the network."""

    def __init__(self) -> None:
        super().__init__()
        self.model = small()
        self.ema = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
        self.decay, self.history = 0.99, [0.0]

    @torch.no_grad()
    def update(self) -> None:
        for kept, new in zip(self.ema.parameters(), self.model.parameters(), strict=True):
            kept.mul_(self.decay).add_(new, alpha=1 - self.decay)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)

    def training_step(self, x: Tensor, y: Tensor) -> Tensor:
        return self.criterion(self(x), y)


def averaged() -> nn.Module:
    """torch's own average of weights."""
    return torch.optim.swa_utils.AveragedModel(small())


class CallsItself(nn.Module):
    """`__call__` overwritten, so that nothing of torch's is passed."""

    def __init__(self) -> None:
        super().__init__()
        self.net = small()

    def __call__(self, x: Tensor) -> Tensor:
        return self.forward(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class FrozenBackbone(nn.Module):
    """As in transfer learning: only the head learns, and norms stay as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.head = small()[:-1], nn.Linear(8, 4)
        for parameter in self.backbone.parameters():
            parameter.requires_grad = False

    def train(self, mode: bool = True) -> FrozenBackbone:
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.backbone(x))


def half() -> nn.Module:
    return small().half()


class Constants(nn.Module):
    """Buffers that are kept, buffers that are not, plain tensors, and a temperature."""

    def __init__(self) -> None:
        super().__init__()
        self.net = small()
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.5))
        self.register_buffer("prior", torch.zeros(4), persistent=False)
        self.register_buffer("unused", None)
        self.step = torch.tensor(0)
        self.temperature = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x - self.mean) / self.temperature + self.prior


def lazy() -> nn.Module:
    """Sizes that were found at the first call."""
    net = nn.Sequential(
        nn.LazyConv2d(6, 3, 2, 1), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4)
    )
    net(torch.rand(2, 3, 16, 16))
    return net


def still_lazy() -> nn.Module:
    """Sizes that were not found yet."""
    return nn.Sequential(nn.LazyConv2d(6, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4))


def parametrised() -> nn.Module:
    """Weights that are computed anew from what is learned."""
    net = small()
    parametrizations.weight_norm(net[0])
    parametrizations.spectral_norm(net[3])
    parametrizations.orthogonal(net[-1])
    return net


class OldWeightNorm(nn.Module):
    """The weight norm of older code, which works by a hook."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.utils.weight_norm(nn.Conv2d(3, 6, 3, 2, 1))
        self.conv2 = nn.utils.spectral_norm(nn.Conv2d(6, 8, 3, 2, 1))
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.relu(self.conv2(F.relu(self.conv1(x)))).mean((2, 3)))


class Rectify(torch.autograd.Function):
    """A rectifier with a gradient of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (x > -0.5)


class OwnGradient(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 8, 3, 2, 1)
        self.act, self.fc = nn.ReLU(), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.conv1(x))
        return self.fc(Rectify.apply(self.conv2(x)).mean((2, 3)))


class OwnWeights(nn.Module):
    """Layers written out: parameters and the functions that use them."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(0.2 * torch.randn(6, 3, 3, 3))
        self.weights = nn.ParameterList([0.2 * torch.randn(8, 6 * 64), 0.3 * torch.randn(4, 8)])
        self.bias = nn.Parameter(torch.zeros(8))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.conv2d(x, self.kernel, stride=2, padding=1)).flatten(1)
        return torch.relu(x @ self.weights[0].t() + self.bias) @ self.weights[1].T


class PlainList(nn.Module):
    """Layers in a list of Python, of which torch knows nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = [nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU())]
        self.blocks.append(nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU()))
        self.conv, self.act, self.fc = nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU(), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.fc(self.act(self.conv(x)).mean((2, 3)))


class KnownInAList(nn.Module):
    """A list of Python with layers that are attributes as well."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 8, 3, 2, 1)
        self.act1, self.act2 = nn.ReLU(), nn.ReLU()
        self.order = [self.conv1, self.act1, self.conv2, self.act2]
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.order:
            x = layer(x)
        return self.fc(x.mean((2, 3)))


class FunctionInAnAttribute(nn.Module):
    """The activation is a function that was handed over."""

    def __init__(self, activation: Any = F.relu) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 8, 3, 2, 1)
        self.activation, self.fc = activation, nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.activation(self.conv1(x))
        return self.fc(self.activation(self.conv2(x)).mean((2, 3)))


def scripted() -> nn.Module:
    """A network as TorchScript, of which no copy with neurons can be made."""
    return torch.jit.script(small())
