"""STM score: how far student and teacher are apart in what they find similar, step by step.

Hong and Wang (AAAI 2025) report a score of spatio-temporal mismatch; its formula here is rebuilt
from the score of the method that theirs extends (SemCKD, Chen et al., AAAI 2021).

**Formula** (`F_i[t]` = tap i of the learner at step t, `G_j` = tap j of the guide, `rownorm` = rows
divided by their L2 norm, a silent row stays zero)::

    S_i[t] = flat(F_i[t]) flat(F_i[t])^T,  A_j = flat(G_j) flat(G_j)^T                     [B, B]
    D[t, i, j] = || rownorm(S_i[t]) - rownorm(A_j) ||_F / B         averaged over the batches
    d_i[t] = sum_j w[t, i, j] D[t, i, j],   STM = mean over (t, i) of d_i[t],  and its logarithm

Lower is better aligned. Rows have length 1, so the score is at most `2 / sqrt(B)`: compare scores
of one B only. The reported ones use B = 64, images of the validation split in fixed order.

`w` is the mean attention over samples (SASTC: the mean of `picture` over batches of the size that
its queries were built for), `fixed_attention("diagonal", I, J)` for methods that go layer by layer,
or `fixed_attention("uniform", I, J)`.

**Example**

>>> from spikedistill.functional.similarity import fixed_attention
>>> maps = torch.eye(2).reshape(1, 2, 2)                        # two samples, nothing in common
>>> same = Trace(torch.zeros(1, 2, 3), {"stage1": maps, "stage2": torch.ones(1, 2, 2)})
>>> D = distances(same, same, ["stage1", "stage2"], ["stage1", "stage2"])
>>> D[0]
tensor([[0.0000, 0.5412],
        [0.5412, 0.0000]], dtype=torch.float64)
>>> score(D, fixed_attention("diagonal", 2, 2)).value, score(D, torch.full((2, 2), 0.5)).value
(0.0, 0.2705980...)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.evaluation import evaluation
from spikedistill.core.trace import Batch, Trace
from spikedistill.functional.similarity import batch_similarity, unit
from spikedistill.taps import Tapped

Encode = Callable[[Tensor, int, torch.Generator], Tensor]
"""Raw inputs `[B, ...]`, T and a generator to the inputs of the steps, `[1 or T, B, ...]`."""


@dataclass(frozen=True)
class STMScore:
    """The mismatch of two networks."""

    layers: Float[Tensor, "T I"]
    """d_i[t]: of every layer of the learner at every step."""

    @property
    def value(self) -> float:
        """The mean over steps and layers; lower is better aligned."""
        return self.layers.mean().item()

    @property
    def log(self) -> float:
        """The natural logarithm of the value."""
        return math.log(self.value) if self.value > 0 else -math.inf


def score(distances: Float[Tensor, "T I J"], weights: Float[Tensor, "..."]) -> STMScore:
    """The score of distances `[T, I, J]` under weights `[T, I, J]`, or `[I, J]` for all steps.

    Raises:
        SpikedistillError: if the weights have another shape, or do not sum to 1 over j.
    """
    if weights.shape not in (distances.shape, distances.shape[1:]):
        raise SpikedistillError(
            f"the weights have the shape {tuple(weights.shape)} and the distances [T, I, J] = "
            f"{tuple(distances.shape)}; give [T, I, J], or [I, J] for all steps"
        )
    weights = weights.to(distances)
    sums = weights.sum(-1)
    if not torch.allclose(sums, torch.ones_like(sums), atol=1e-4):
        raise SpikedistillError(
            "the weights of the guide's layers sum to 1 for each layer of the learner; here they "
            f"sum to {sums.min():.4g} to {sums.max():.4g}; divide them by their sum over j"
        )
    return STMScore((weights * distances).sum(-1))


def distances(
    learner: Trace, guide: Trace, learner_taps: Sequence[str], guide_taps: Sequence[str]
) -> Float[Tensor, "T I J"]:
    """D `[T, I, J]` of one batch, in float64.

    A guide of one step serves every step of the learner.

    Raises:
        SpikedistillError: if the guide runs more than one step and not as many as the learner.
    """
    if guide.timesteps not in (1, learner.timesteps):
        raise SpikedistillError(
            f"the score compares step by step, but the learner runs {learner.timesteps} steps and "
            f"the guide {guide.timesteps}; run the guide for 1 step or as many"
        )
    size = learner.outputs.shape[1]
    mine = [unit(batch_similarity(learner[tap].double())) for tap in learner_taps]
    theirs = [unit(batch_similarity(guide[tap].double())) for tap in guide_taps]
    rows = [
        torch.stack([(own - other).flatten(1).norm(dim=1) / size for other in theirs], -1)
        for own in mine
    ]
    return torch.stack([row.expand(learner.timesteps, -1) for row in rows], 1)


def still(images: Tensor, timesteps: int, generator: torch.Generator) -> Tensor:
    """The same image at every step."""
    return images.unsqueeze(0)


def measure(
    learner: nn.Module,
    guide: nn.Module,
    batches: Iterable[Batch],
    timesteps: int,
    learner_taps: Sequence[str],
    guide_taps: Sequence[str],
    *,
    guide_timesteps: int = 1,
    encode: Encode = still,
) -> Float[Tensor, "T I J"]:
    """D `[T, I, J]` of two networks, the mean over batches, in evaluation mode.

    Args:
        learner: the student.
        guide: the teacher.
        batches: raw batches in fixed order; those of another size than the first (a last, partial
            one) are left out, because D depends on B.
        timesteps: T of the learner.
        learner_taps: the I taps that are compared.
        guide_taps: the J taps that they are compared with.
        guide_timesteps: of the guide, 1 or T.
        encode: how raw inputs become steps; batch n draws from a generator seeded by n.

    Raises:
        SpikedistillError: if there is no batch, a tap is not declared, or the steps do not fit.
    """
    total: Tensor | None = None
    size = count = 0
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        runs = [
            (stack.enter_context(closing(Tapped(network, taps))), steps)
            for network, taps, steps in (
                (learner, learner_taps, timesteps),
                (guide, guide_taps, guide_timesteps),
            )
        ]
        for network in (learner, guide):
            stack.enter_context(evaluation(network))
        for number, batch in enumerate(batches):
            size = size or len(batch.inputs)
            if len(batch.inputs) != size:
                continue
            mine, theirs = (_run(*run, batch.inputs, encode, number) for run in runs)
            found = distances(mine, theirs, learner_taps, guide_taps)
            total, count = found if total is None else total + found, count + 1
    if total is None:
        raise SpikedistillError(
            "there is no batch to measure the score on; give at least one, of 64 images where "
            "scores are to be compared with others"
        )
    return total / count


def _run(tapped: Tapped, steps: int, images: Tensor, encode: Encode, number: int) -> Trace:
    parameter = next(tapped.parameters(), None)
    images = images if parameter is None else images.to(parameter.device)
    generator = torch.Generator(images.device).manual_seed(number)
    return Trace(*tapped(encode(images, steps, generator), steps))
