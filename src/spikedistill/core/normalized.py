"""A network that carries the normalisation of its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

from spikedistill.core.errors import SpikedistillError


class Normalized(nn.Module):
    """Normalises inputs in [0, 1] with fixed mean and deviation, then calls the network.

    Shapes:
        `[N, C, H, W]`, or any `[N, C, ...]`; `mean` and `std` one number per channel.

    Raises:
        SpikedistillError: if mean and std differ in length, or a std is not positive.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != len(std):
            raise SpikedistillError(
                f"the input normalisation has {len(mean)} means and {len(std)} deviations; "
                "give one of each per channel"
            )
        if not all(value > 0 for value in std):
            raise SpikedistillError(
                f"the input normalisation divides by {tuple(std)}; every deviation must be positive"
            )
        self.network = network
        self.register_buffer("mean", torch.tensor([float(value) for value in mean]))
        self.register_buffer("std", torch.tensor([float(value) for value in std]))

    @property
    def taps(self) -> Mapping[str, str]:
        """The taps of the network, by their path from here."""
        inner = getattr(self.network, "taps", {})
        return {name: f"network.{path}" if path else "network" for name, path in inner.items()}

    def forward(self, images: Tensor) -> Any:
        """Normalise `[N, C, H, W]` and run the network."""
        # torch.fx follows this forward with no image at hand, and could not follow the question
        known = not isinstance(cast("object", images), fx.Proxy)
        if known and images.shape[1] != len(self.mean):
            raise SpikedistillError(
                f"the input has {images.shape[1]} channels and its normalisation "
                f"{len(self.mean)}; use data with as many channels as the network was made for"
            )
        rest = (None,) * (images.ndim - 2 if known else 2)
        mean, std = self.mean[:, *rest], self.std[:, *rest]
        return self.network((images - mean) / std)

    def extra_repr(self) -> str:
        """Mean and deviation."""
        return f"mean={[*map(float, self.mean)]}, std={[*map(float, self.std)]}"


class NormalizedLeaf(Normalized):
    """The same for a network of several inputs, of which one is normalised.

    Args:
        network: takes its inputs by keyword.
        mean: one number per channel of that input.
        std: likewise.
        leaf: the name of that input.
    """

    def __init__(
        self, network: nn.Module, mean: Sequence[float], std: Sequence[float], leaf: str
    ) -> None:
        super().__init__(network, mean, std)
        self.leaf = leaf

    def forward(self, **inputs: Tensor) -> Any:  # type: ignore[override]
        """Normalise one input and run the network."""
        value = inputs[self.leaf]
        rest = (None,) * (value.ndim - 2)
        scaled = (value - self.mean[:, *rest]) / self.std[:, *rest]
        return self.network(**{**inputs, self.leaf: scaled})
