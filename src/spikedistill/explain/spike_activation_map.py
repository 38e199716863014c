"""Spike activation maps: where a layer fires again and again, without gradients or labels.

Kim and Panda, "Visual explanations from spiking neural networks using inter-spike intervals",
Scientific Reports 2021.

**Formula** (`S[t, c]` spikes of one sample, gamma the decay)::

    N[t] = exp(-gamma) ( N[t-1] + S[t-1] ),  N[0] = 0        earlier spikes, the recent ones more
    M[t, i, j] = sum_c N[t, c, i, j] S[t, c, i, j]           of the neurons that fire now

**Shapes** spikes `[T, B, C, H, W]` of 0 and 1, as they leave neurons; maps `[T, B, H, W]`.

**Options** `gamma`: 0.5 here; re-implementations use 0.4 and 0.5.

**Differences from the paper** The formulas agree in three restatements of the paper, which was not
at hand. How maps are scaled for the eye, and that short runs show their sum over time
(`shown_maps`), is a reconstruction. At the first step a map is always blank, so T = 1 shows
nothing.

**Example**

>>> import torch
>>> spikes = torch.tensor([1.0, 1.0, 0.0, 1.0]).view(4, 1, 1, 1, 1)
>>> spike_activation_map(spikes).flatten().round(decimals=6).tolist()
[0.0, 0.606531023979187, 0.0, 0.5910099744796753]
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.reference import Reference

REFERENCE = Reference(
    key="kim2021visual",
    title="Visual explanations from spiking neural networks using inter-spike intervals",
    authors=("Youngeun Kim", "Priyadarshini Panda"),
    venue="Scientific Reports",
    year=2021,
    link="https://doi.org/10.1038/s41598-021-98448-0",
    kind="journal",
)

SUMMED_TO = 4
"""Runs of up to so many steps show the sum of their maps over time."""


def spike_activation_map(
    spikes: Float[Tensor, "T B C H W"], gamma: float = 0.5
) -> Float[Tensor, "T B H W"]:
    """The map of every step and sample, without gradient.

    Args:
        spikes: what left a layer of neurons, 0 or 1.
        gamma: how fast a spike is forgotten, per time step; 0 counts all earlier spikes alike.

    Raises:
        SpikedistillError: if the values are no spikes (sums of spikes after a shortcut are not),
            or gamma is negative.
    """
    spikes = spikes.detach()
    if not torch.equal(spikes, spikes.square()):
        raise SpikedistillError(
            "a spike activation map needs spikes, and this layer gives values other than 0 and 1; "
            "take the output of its neurons (a tap `spikesN`), not a sum behind them"
        )
    if not gamma >= 0:
        raise SpikedistillError(f"gamma is how fast a spike is forgotten, 0 or more; not {gamma}")
    decay = math.exp(-gamma)
    earlier = torch.zeros_like(spikes[0])
    maps = []
    for now in spikes:
        maps.append((earlier * now).sum(1))
        earlier = decay * (earlier + now)
    return torch.stack(maps)


def shown_maps(
    maps: Float[Tensor, "T B H W"], size: tuple[int, int] | None = None
) -> Float[Tensor, "steps B h w"]:
    """Maps for the eye: each from 0 to 1, and as large as the image they lie on.

    Runs of up to four steps get one more, last map: their sum over time.

    Args:
        maps: what `spike_activation_map` returned.
        size: height and width of the image, reached by bilinear interpolation; None: as they are.

    Returns:
        `[T + 1, B, h, w]` for T <= 4, else `[T, B, h, w]`. A blank map stays zero.
    """
    if len(maps) <= SUMMED_TO:
        maps = torch.cat([maps, maps.sum(0, keepdim=True)])
    scaled = from_0_to_1(maps)
    if size is None:
        return scaled
    return nn.functional.interpolate(scaled, size, mode="bilinear", align_corners=False)


def from_0_to_1(maps: Shaped[Tensor, "*rest H W"]) -> Float[Tensor, "*rest H W"]:
    """Every map with its least value at 0 and its largest at 1; zeros where they are the same.

    Example:
        >>> from_0_to_1(torch.tensor([[1.0, 2.0, 3.0]])).tolist(), from_0_to_1(torch.ones(1, 2)).tolist()
        ([[0.0, 0.5, 1.0]], [[0.0, 0.0]])
    """  # noqa: E501
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    return torch.where(high > low, (maps - low) / (high - low).clamp_min(1e-30), 0.0)


def map_correlation(
    first: Float[Tensor, "B H W"], second: Float[Tensor, "B H W"]
) -> Float[Tensor, "B"]:
    """Pearson correlation of two maps of the same images; 0 where one of them is flat.

    Example:
        >>> ramp = torch.arange(4.0).view(1, 2, 2)
        >>> map_correlation(ramp, 3 * ramp + 1).item(), map_correlation(ramp, -ramp).item()
        (1.0, -1.0)
    """
    pair = torch.stack([first, second]).double().flatten(2)
    centred = pair - pair.mean(-1, keepdim=True)
    norms = centred.norm(dim=-1).prod(0)
    together = centred.prod(0).sum(-1)
    return torch.where(norms > 0, together / norms.clamp_min(1e-30), 0.0).to(first.dtype)
