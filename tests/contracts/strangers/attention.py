"""Tokens: mixed by linear layers or by attention, with ReLU between them, or without."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int, act_layer: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.fc1, self.act = nn.Linear(width, hidden), act_layer()
        self.fc2, self.drop = nn.Linear(hidden, width), nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))


class MixerBlock(nn.Module):
    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp_tokens, self.mlp_channels = Mlp(tokens, 12), Mlp(width, 16)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mlp_tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.mlp_channels(self.norm2(x))


class Mixer(nn.Module):
    """As MLP-Mixer, with ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, kernel_size=4, stride=4)
        self.blocks = nn.Sequential(MixerBlock(16, 8), MixerBlock(16, 8))
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2)
        return self.head(self.norm(self.blocks(x)).mean(dim=1))


class Attention(nn.Module):
    def __init__(self, width: int, num_heads: int = 2) -> None:
        super().__init__()
        self.num_heads, self.scale = num_heads, (width // num_heads) ** -0.5
        self.qkv, self.proj = nn.Linear(width, width * 3), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.num_heads, C // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        attn = ((q @ k.transpose(-2, -1)) * self.scale).softmax(dim=-1)
        return self.proj((attn @ v).transpose(1, 2).reshape(B, N, C))


class Block(nn.Module):
    def __init__(self, width: int, act_layer: type[nn.Module]) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width, eps=1e-6), Attention(width)
        self.norm2, self.mlp = nn.LayerNorm(width, eps=1e-6), Mlp(width, 16, act_layer)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    """As timm's: a class token, positions, blocks."""

    def __init__(self, act_layer: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, 8, 4, 4)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 8))
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, 17, 8))
        self.blocks = nn.ModuleList([Block(8, act_layer) for _ in range(2)])
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


def only_gelu() -> nn.Module:
    return VisionTransformer(nn.GELU)


class ConvTransformer(nn.Module):
    """Convolutions first, then attention over what they made."""

    def __init__(self) -> None:
        super().__init__()
        self.tokenizer = nn.Sequential(
            nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
            nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        )  # fmt: skip
        self.attention_pool = nn.Linear(8, 1)
        self.block, self.fc = Block(8, nn.ReLU), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block(self.tokenizer(x).flatten(2, 3).transpose(-2, -1))
        weights = F.softmax(self.attention_pool(x), dim=1).transpose(-1, -2)
        return self.fc(torch.matmul(weights, x).squeeze(-2))


class TorchEncoder(nn.Module):
    """torch's own encoder layers, which have a path of their own in evaluation."""

    def __init__(self, activation: str = "relu") -> None:
        super().__init__()
        self.embed = nn.Linear(2, 8)
        layer = nn.TransformerEncoderLayer(
            8, 2, dim_feedforward=16, dropout=0.1, activation=activation, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, num_layers=2)
        self.fc = nn.Linear(8, 4)
        places = torch.arange(32)[:, None] / 10 ** torch.linspace(0, 2, 4)
        self.register_buffer("places", torch.cat((places.sin(), places.cos()), 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x.transpose(1, 2)) * math.sqrt(8) + self.places[: x.size(2)]
        return self.fc(self.encoder(x).mean(1))


class OwnLayerNorm(nn.Module):
    """As ConvNeXt: a norm over channels written out, and a scale for each block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        u = x.mean(1, keepdim=True)
        s = (x - u).pow(2).mean(1, keepdim=True)
        x = (x - u) / torch.sqrt(s + 1e-6)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class ConvMixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 2, 2), OwnLayerNorm(8)
        self.dwconv, self.pwconv1 = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Linear(8, 16)
        self.act, self.pwconv2, self.head = nn.ReLU(), nn.Linear(16, 8), nn.Linear(8, 4)
        self.gamma = nn.Parameter(0.1 * torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.norm(self.dwconv(x)).permute(0, 2, 3, 1)
        y = self.gamma * self.pwconv2(self.act(self.pwconv1(y)))
        x = x + y.permute(0, 3, 1, 2)
        return self.head(x.mean([-2, -1]))
