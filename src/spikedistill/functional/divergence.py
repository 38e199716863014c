"""How far one set of logits is from targets or from other logits; the class axis comes last."""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from spikedistill.functional.float32 import at_least_float32


def softened_kl(
    learner: Float[Tensor, "*learner K"], guide: Float[Tensor, "*guide K"], temperature: float = 1.0
) -> Float[Tensor, "*item"]:
    """`tau^2 KL(softmax(guide / tau) || softmax(learner / tau))` of every item.

    Leading axes broadcast (a guide `[1, B, K]` serves every step of a learner `[T, B, K]`). The
    factor tau^2 keeps the size of the gradient, `tau (q - p)` on the learner's logits, comparable
    between temperatures. Computed from log-softmax in float32 at least. Hinton, Vinyals and Dean,
    2015, section 2.

    Example:
        >>> learner = torch.tensor([1.15, 0.7, 0.05, -0.25], dtype=torch.float64)
        >>> guide = torch.tensor([2.0, 1.0, 0.5, -1.0], dtype=torch.float64)
        >>> print(f"{softened_kl(learner, guide, temperature=4.0):.6f}")
        0.148564
    """
    log_p = (at_least_float32(guide) / temperature).log_softmax(-1)
    log_q = (at_least_float32(learner) / temperature).log_softmax(-1)
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(-1)


def label_cross_entropy(
    logits: Float[Tensor, "*item K"],
    targets: Shaped[Tensor, "*target"],
    smoothing: float = 0.0,
    weights: Float[Tensor, "K"] | None = None,
) -> Float[Tensor, "*item"]:
    """Cross-entropy of every item against its label, in float32 at least.

    Whole targets `[...]` (of any kind, also truth) are class indices, floating ones `[..., K]`
    class probabilities. Leading axes broadcast (labels `[B]` serve every step of logits
    `[T, B, K]`). `smoothing` moves that share of the target's probability to the uniform
    distribution. `weights` are factors of the classes, as torch's: of an item with a class they are
    to be divided by their mean over all items (`label_weights`).

    Example:
        >>> logits = torch.tensor([1.15, 0.7, 0.05, -0.25])
        >>> print(f"{label_cross_entropy(logits, torch.tensor(0)):.6f}")
        0.796198
    """
    log_q = at_least_float32(logits).log_softmax(-1)
    if weights is not None:
        log_q = log_q * weights
    if targets.is_floating_point():
        loss = -(targets * log_q).sum(-1)
    else:
        chosen = targets.long().expand(log_q.shape[:-1]).unsqueeze(-1)
        loss = -log_q.gather(-1, chosen).squeeze(-1)
    if smoothing:
        loss = (1 - smoothing) * loss - smoothing * log_q.mean(-1)
    return loss


def label_weights(
    targets: Shaped[Tensor, "*target"], weights: Float[Tensor, "K"]
) -> Float[Tensor, "*item"]:
    """What each item counts in a weighted mean: its class's weight, and 1 where it has shares.

    Example:
        >>> label_weights(torch.tensor([0, 2, 0]), torch.tensor([1.0, 2.0, 5.0])).tolist()
        [1.0, 5.0, 1.0]
    """
    if targets.is_floating_point():
        return torch.ones_like(targets[..., 0])
    return weights[targets.long()]


def masked_mean(
    values: Float[Tensor, "*item"], mask: Shaped[Tensor, "*position"] | None = None
) -> Float[Tensor, ""]:
    """The mean over the items that count; a mask `[B, L]` broadcasts over leading axes `[T, B, L]`.

    Without a mask all count. Where the mask leaves nothing the mean is 0.

    Example:
        >>> values, mask = torch.tensor([[1.0, 2.0], [3.0, 50.0]]), torch.tensor([True, False])
        >>> masked_mean(values, mask).item()
        2.0
    """
    if mask is None:
        return values.mean()
    counts = mask.bool().expand(values.shape)
    return torch.where(counts, values, 0).sum() / counts.sum().clamp(min=1)
