"""What is known to be harmless, and that everything else is not."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, fx, nn

from spikedistill.core.expose import expose
from spikedistill.core.known import harmless_module, unknown, values
from spikedistill.core.own_graph import name_of


def strange(function: object) -> list[str]:
    graph = fx.Tracer().trace(function)  # type: ignore[arg-type]
    moving = values(graph)
    return [name_of(node) for node in graph.nodes if unknown(node, moving)]


W = torch.rand(3, 3)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + x - 2 * x / 3 + (-x),
        lambda x: torch.cat([x, x.flip(0)], 1).view(x.size(0), -1)[:, : x.shape[1] // 2],
        lambda x: x.mean((2, 3)).unsqueeze(-1).expand(-1, -1, x.size(-1) * 2),
        lambda x: x * torch.bernoulli(torch.full_like(x, 0.5)) / 0.5,
        lambda x: x.div(0.9) * x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(0.9),
        lambda x: torch.nn.functional.pad(torch.nn.functional.max_pool2d(x, 2), (1, 1)),
        lambda x: x @ W + torch.einsum("bd,de->be", x, W) + torch.addmm(x, x, W),
        lambda x: torch.nn.functional.conv2d(x, (W / W.std()).view(9, 1, 1, 1)),
        lambda x: torch.nn.functional.batch_norm(x, W[0], W[1]),
        lambda x: torch.nn.functional.interpolate(torch.nn.functional.dropout(x), scale_factor=2),
        lambda x: x.max(1)[0].amax(1, keepdim=True).T,
        lambda x: torch.where(torch.ones_like(x) > 0, x, 0.0).transpose(1, 2).to(torch.float32),
        lambda x: x.masked_fill(W > 0.5, 0).chunk(2)[0].contiguous().detach().clone(),
    ],
)
def test_known(function: object) -> None:
    assert strange(function) == []


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (lambda x: x * x, ["mul"]),
        (lambda x: x.mul_(x.mean()), ["mul"]),
        (lambda x: 1 / x + x / x.sum(), ["truediv", "truediv"]),
        (lambda x: x // 2, ["floordiv"]),
        (lambda x: x @ x.mT, ["matmul"]),
        (lambda x: torch.einsum("ij,ij->i", x, x), ["einsum"]),
        (lambda x: torch.nn.functional.conv2d(x, x), ["conv2d"]),
        (lambda x: torch.where(x > 0, x, 0.0), ["gt", "where"]),
        (lambda x: x.masked_fill(x < 0, 0), ["lt", "masked_fill"]),
        (lambda x: x.abs().sqrt() + x.exp() + x**2, ["abs", "sqrt", "exp", "pow"]),
        (lambda x: (x - x.mean()) / x.std(), ["std", "truediv"]),
        (lambda x: x.softmax(-1).sign(), ["softmax", "sign"]),
        (lambda x: torch.maximum(x, x.flip(0)) + torch.max(x, W), ["maximum", "max"]),
        (lambda x: x.clamp(-1, 1), ["clamp"]),
        (lambda x: torch.nn.functional.layer_norm(x, (3,)), ["layer_norm"]),
        (lambda x: torch.nn.functional.instance_norm(x), ["instance_norm"]),
        (lambda x: torch.nn.functional.batch_norm(x, None, None, training=True), ["batch_norm"]),
        (lambda x: torch.nn.functional.scaled_dot_product_attention(x, x, x),
         ["scaled_dot_product_attention"]),
        (lambda x: torch.nn.functional.lp_pool2d(x, 2, 2), ["lp_pool2d"]),
        (lambda x: torch.fft.fft(x).real, ["fft_fft"]),  # nobody thought of it
    ],
)  # fmt: skip
def test_unknown(function: object, names: list[str]) -> None:
    assert strange(function) == names


def test_modules() -> None:
    harmless = [
        nn.Conv1d(1, 1, 1), nn.ConvTranspose3d(1, 1, 1), nn.Linear(1, 1), nn.BatchNorm2d(1),
        nn.SyncBatchNorm(1), nn.InstanceNorm2d(1, track_running_stats=True), nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1), nn.Dropout2d(), nn.Flatten(), nn.Identity(), nn.ZeroPad2d(1),
        nn.ReflectionPad2d(1), nn.Upsample(2), nn.PixelShuffle(2), nn.Unfold(2), nn.Embedding(2, 2),
    ]  # fmt: skip
    assert all(harmless_module(module) for module in harmless)
    named = [
        nn.LayerNorm(2), nn.GroupNorm(1, 2), nn.InstanceNorm2d(1), nn.LSTM(1, 1), nn.Softmax(1),
        nn.BatchNorm2d(1, track_running_stats=False), nn.MultiheadAttention(2, 1), nn.Sigmoid(),
        nn.GELU(), nn.LPPool2d(2, 2), nn.LocalResponseNorm(2), nn.Bilinear(1, 1, 1), nn.PReLU(),
        nn.CosineSimilarity(), nn.GRUCell(1, 1), nn.RMSNorm(2),
    ]  # fmt: skip
    assert not any(harmless_module(module) for module in named)


def test_what_only_asks_for_a_shape_holds_no_values() -> None:
    def forward(x: Tensor) -> Tensor:
        return torch.zeros_like(x) + x.shape[0] + x.size(1) * x.ndim

    graph = fx.Tracer().trace(forward)
    assert [node.op for node in values(graph)] == ["placeholder"]


class Answer(NamedTuple):
    logits: Tensor


@dataclass
class Held:
    logits: Tensor


@pytest.mark.parametrize("holder", [Answer, Held, lambda x: OrderedDict(out=x)])
def test_what_only_holds_values_computes_nothing(holder: Any) -> None:
    class Returns(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return holder(x.relu())

    assert expose(Returns()).real_valued == ()
