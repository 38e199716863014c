"""A user's own trained network: a factory, its weights, its input normalisation, its taps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from spikedistill.core.calls import make
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.normalized import Normalized
from spikedistill.taps import check_taps
from spikedistill.teachers.weights import load_weights


def own_network(
    call: str,
    *,
    weights: str | Path | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    taps: Mapping[str, str] | None = None,
    **options: Any,
) -> nn.Module:
    """The network that a recipe gives as `{call: package.module:factory, weights: FILE, ...}`.

    Args:
        call: what makes the network; a module of the current directory will do.
        weights: a safetensors, npz or torch file, or a run folder; see `read_weights`.
        mean: of the pixels in [0, 1], per channel; with `std` it becomes part of the network.
            None where the network takes pixels in [0, 1].
        std: standard deviations of the pixels in [0, 1], per channel.
        taps: tap name -> path of a module of the network, as `{stage1: layer1}`.
        options: keyword arguments of the factory.

    Returns:
        A network for images `[N, C, H, W]` in [0, 1].

    Raises:
        SpikedistillError: if a part is missing or does not fit; the message says which.
    """
    _check_statistics(call, mean, std)
    network = make(call, options)
    if not isinstance(network, nn.Module):
        raise SpikedistillError(
            f"{call!r} returned a {type(network).__name__}; it must return a torch.nn.Module"
        )
    if taps is not None:
        check_taps(network, taps)
        network.taps = dict(taps)  # type: ignore[assignment]
    if weights is not None:
        load_weights(network, weights)
    return network if mean is None or std is None else Normalized(network, mean, std)


def _check_statistics(call: str, mean: Sequence[float] | None, std: Sequence[float] | None) -> None:
    if (mean is None) != (std is None):
        given, missing = ("mean", "std") if std is None else ("std", "mean")
        raise SpikedistillError(
            f"{call!r} has a {given} and no {missing}; give both, or neither if the network takes "
            "pixels in [0, 1]"
        )
    for name, values in (("mean", mean), ("std", std)):
        largest = max(map(abs, values or [0.0]))
        if largest > 3:
            raise SpikedistillError(
                f"the {name} of {call!r} is of pixels in [0, 255] ({largest:g}); divide it by 255: "
                "images come in [0, 1]"
            )
