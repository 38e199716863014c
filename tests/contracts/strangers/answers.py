"""Forwards that return more than logits, or something else."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Body(nn.Module):
    """What the networks of this file share."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.act1 = nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU()
        self.conv2, self.act2 = nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU()
        self.fc = nn.Linear(8, 4)

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.act2(self.conv2(self.act1(self.conv1(x))))
        return self.fc(features.mean((2, 3))), features


class Pair(Body):
    def forward(self, x: Tensor) -> Any:
        logits, features = self.both(x)
        return logits, features


class Mapped(Body):
    def forward(self, x: Tensor) -> Any:
        logits, features = self.both(x)
        return {"features": features, "logits": logits}


class Ordered(Body):
    """As a segmentation network of torchvision: `out` and `aux`."""

    def forward(self, x: Tensor) -> Any:
        logits, features = self.both(x)
        return collections.OrderedDict(out=logits, aux=features.mean((2, 3)))


@dataclasses.dataclass
class Output:
    """As the outputs of language model libraries."""

    logits: Tensor
    loss: Tensor | None = None
    hidden_states: tuple[Tensor, ...] = ()


class Object(Body):
    def forward(self, x: Tensor) -> Any:
        logits, features = self.both(x)
        return Output(logits, None, (features,))


class Named(NamedTuple):
    logits: Tensor
    features: list[Tensor]


class Tuple(Body):
    def forward(self, x: Tensor) -> Any:
        logits, features = self.both(x)
        return Named(logits=logits, features=[features])


class FeaturesFirst(NamedTuple):
    features: Tensor
    logits: Tensor


class TupleOfOtherOrder(Body):
    def forward(self, x: Tensor) -> Any:
        logits, features = self.both(x)
        return FeaturesFirst(features, logits)


class LogProbabilities(Body):
    """As the examples that train with `nll_loss`."""

    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(self.both(x)[0], dim=1)


class Nested(Body):
    """Two heads, each with its own dictionary: which of them is meant?"""

    def forward(self, x: Tensor) -> Any:
        logits, features = self.both(x)
        return [{"scores": logits}, {"maps": features}]


class TwoAnswers(Body):
    """Two outputs by names, of which none is called logits: the second has the classes."""

    def forward(self, x: Tensor) -> Any:
        logits, features = self.both(x)
        return {"maps": features, "scores": logits}


class Bits(Body):
    """Answers one at a time."""

    def forward(self, x: Tensor) -> Iterator[Tensor]:
        logits, features = self.both(x)
        yield features
        yield logits


class Words(Body):
    """Answers with the classes themselves, which no loss can learn from."""

    def forward(self, x: Tensor) -> Any:
        return ["cat" if one else "dog" for one in self.both(x)[0].argmax(1) > 0]


class Decided(Body):
    """Answers with class numbers instead of scores."""

    def forward(self, x: Tensor) -> Tensor:
        return self.both(x)[0].argmax(1)


class Generator(nn.Module):
    """The network of another task: noise to images."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(3, 6, 4, 2, 1), nn.ReLU(True), nn.Conv2d(6, 3, 3, 1, 1), nn.Tanh()
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z)


class Summed(Body):
    """One number for all samples together."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.logsumexp(self.both(x)[0], 1).mean()
