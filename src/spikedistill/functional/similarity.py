"""How samples of a batch resemble each other, and what attention makes of it."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from spikedistill.functional.float32 import at_least_float32


def batch_similarity(features: Float[Tensor, "T B *feature"]) -> Float[Tensor, "T B B"]:
    """Inner products between the samples of a batch at every step, not normalised.

    `S[t] = flat(features[t]) flat(features[t])^T`, in float32 at least. The order of the features
    does not matter, so maps in channels_last are read as they lie in memory.
    """
    if features.ndim > 3 and features.stride(2) == 1:
        features = features.movedim(2, -1)
    flat = at_least_float32(features.flatten(2))
    half = flat @ flat.detach().mT
    # The value is `half`, and the gradient (dS + dS^T) flat costs one large product, not two.
    return half + half.mT - half.detach()


def unit(rows: Float[Tensor, "*row D"]) -> Float[Tensor, "*row D"]:
    """Rows of L2 norm 1; the norm is clamped at 1e-12, so that a row of zeros stays zero."""
    return F.normalize(rows, dim=-1, eps=1e-12)


def layer_attention(
    queries: Float[Tensor, "T B I D"],
    keys: Float[Tensor, "S B J D"],
    kept: Bool[Tensor, "I J"] | None = None,
    temperature: float | Float[Tensor, ""] = 1.0,
    floor: float = 0.0,
) -> Float[Tensor, "T B I J"]:
    """`a[t, b, i, :] = softmax over j of <queries[t, b, i], keys[t, b, j]>`, not scaled by sqrt(D).

    Keys with one step (S = 1) serve every step of the queries. SASTC, equation of the attention.
    With `kept`, the softmax is over the pairs that are kept; the others get the attention 0, and
    their scores a gradient of 0. Every i must keep a j. Not in the paper: scores are divided by
    `temperature`, and `a` becomes `(1 - floor) a + floor / J`, with J the guide layers that i
    keeps. Because entropy is concave, it is then at least `floor log J`.

    Example:
        >>> import torch
        >>> queries, keys = torch.ones(2, 1, 1, 4), torch.zeros(1, 1, 5, 4)
        >>> layer_attention(queries, keys)[0, 0, 0]
        tensor([0.2000, 0.2000, 0.2000, 0.2000, 0.2000])
    """
    scores = queries @ keys.mT / temperature
    if kept is not None:
        scores = scores.masked_fill(~kept, -torch.inf)
    attention = scores.softmax(-1)
    if not floor:
        return attention
    counted = torch.ones_like(attention[0, 0]) if kept is None else kept.to(attention.dtype)
    return (1 - floor) * attention + floor * counted / counted.sum(-1, keepdim=True)


def attention_bounds(
    guides: int, temperature: float = 1.0, floor: float = 0.0
) -> tuple[float, float]:
    """The least and the greatest attention to one of `guides` layers, J.

    Queries and keys are unit vectors, so their products lie in [-1, 1] and the softmax between
    `1 / (1 + (J - 1) e^(2 / temperature))` and `1 / (1 + (J - 1) e^(-2 / temperature))`; `floor`
    draws both towards 1 / J. A temperature of 0 stands for the limit.

    Example:
        >>> [round(bound, 3) for bound in attention_bounds(3)]
        [0.063, 0.787]
        >>> [round(bound, 3) for bound in attention_bounds(3, temperature=0.1, floor=0.5)]
        [0.167, 0.667]
    """
    low = math.exp(-2 / temperature) if temperature else 0.0
    least = low / (low + guides - 1) if guides > 1 else 1.0
    most = 1 / (1 + (guides - 1) * low)
    return (1 - floor) * least + floor / guides, (1 - floor) * most + floor / guides


def fixed_attention(kind: str, learners: int, guides: int) -> Float[Tensor, "I J"] | None:
    """The attention that no network decides; None for a kind that one does.

    `"uniform"`: 1 / J. `"diagonal"`: 1 at j = floor(i J / I), counted from 0, else 0.

    Example:
        >>> fixed_attention("diagonal", 3, 2)
        tensor([[1., 0.],
                [1., 0.],
                [0., 1.]])
    """
    if kind == "uniform":
        return torch.full((learners, guides), 1 / guides)
    if kind == "diagonal":
        return torch.eye(guides)[diagonal(learners, guides)]
    return None


def diagonal(learners: int, guides: int) -> list[int]:
    """The guide layer at the same share of the depth as each learner layer, counted from 0."""
    return [i * guides // learners for i in range(learners)]
