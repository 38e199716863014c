"""Cross-entropy with the labels, on the mean over time or at every step (TET).

**Formula** (`z_s[t]` = `learner.outputs`, `zbar` = its mean over t, `y` = `batch.targets`)::

    time="fused":  L = 1/B sum_b CE(zbar[b], y[b])
    time="steps":  L = (1 - lam) 1/(T B) sum_tb CE(z_s[t, b], y[b]) + lam mean_tbk (z_s - phi)^2

**Shapes** outputs `[T, B, K]` or, with L positions, `[T, B, L, K]`; targets: class indices `[B]` or
`[B, L]`, or probabilities with a last axis K. With positions, `batch.mask` `[B, L]` says which
count.

**Needs** nothing but the outputs; no guide.

**Options**

- `time`: `"fused"` (default) or `"steps"` (TET).
- `phi`, `lam`: TET's regulariser, which draws every output towards `phi`; only with
  `time="steps"`. The paper: phi 1, lam 1e-3 on event data, 0.05 on static images (the latter is a
  reconstruction). Default lam 0.
- `label_smoothing`: share of the target that goes to the uniform distribution. Default 0.
- `class_weights`: a factor for each of the K classes, where some are rare in the training data: a
  list of K numbers, or `"balanced"`, N / (K n_k) for the n_k of N training samples of class k. The
  mean is then torch's, over weights: `sum_b w[y] CE / sum_b w[y]`; of targets that are
  probabilities `y[b, k]` it is `-1/B sum_bk w[k] y[b, k] log q[b, k]`. Default none.
- `target`: which entry to read where `batch.targets` is a mapping. Default `"label"`.

**Relations** the term that every recipe starts from; `logit_kd` replaces the label by a guide.

**Differences from the paper** none known. TET asks every step to be right on its own, so a network
trained with it keeps more of its accuracy when it is stopped early.

**Example**

>>> import torch
>>> from spikedistill.core.spec import Spec
>>> from spikedistill.core.trace import Batch, Trace
>>> outputs = torch.tensor([[[0.8, 1.2, -0.3, 0.1]], [[1.5, 0.2, 0.4, -0.6]]])      # [T, B, K]
>>> batch = Batch(inputs=torch.zeros(1, 1), targets=torch.tensor([0]))
>>> student = Spec("student", timesteps=2, batch_size=1, classes=4)
>>> print(f"{CrossEntropy(student)(Trace(outputs), None, batch):.6f}")
0.796198
>>> print(f"{CrossEntropy(student, time='steps', lam=0.05)(Trace(outputs), None, batch):.6f}")
0.869874
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.core.loss import Loss
from spikedistill.core.reference import Reference
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace
from spikedistill.functional.divergence import (
    label_cross_entropy,
    label_weights,
    masked_mean,
)
from spikedistill.functional.float32 import at_least_float32


class CrossEntropy(Loss):
    """Cross-entropy with the labels, on the mean over time or at every step.

    Raises:
        ValueError: if an option is outside its range, or the regulariser is asked for on the mean.
    """

    uses_guide: ClassVar[bool] = False
    reference: ClassVar[Reference] = Reference(
        key="deng2022tet",
        title="Temporal Efficient Training of Spiking Neural Network via Gradient Re-weighting",
        authors=("Shikuang Deng", "Yuhang Li", "Shanghang Zhang", "Shi Gu"),
        venue="ICLR",
        year=2022,
        link="https://arxiv.org/abs/2202.11946",
        kind="conference",
    )

    def __init__(
        self,
        learner: Spec,
        guide: Spec | None = None,
        *,
        time: Literal["fused", "steps"] = "fused",
        phi: float = 1.0,
        lam: float = 0.0,
        label_smoothing: float = 0.0,
        class_weights: Literal["balanced"] | Sequence[float] | None = None,
        target: str = "label",
    ) -> None:
        super().__init__(learner, guide)
        for name, share in (("lam", lam), ("label_smoothing", label_smoothing)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is a share between 0 and 1; got {share}")
        if lam and time == "fused":
            raise ValueError(
                f"lam={lam} regularises the outputs of every step, but time='fused' looks at "
                "their mean; set time='steps' or lam=0"
            )
        self.time, self.phi, self.lam = time, phi, lam
        self.label_smoothing, self.target = label_smoothing, target
        self.weights: Tensor | None
        weights = None if class_weights is None else _weights(class_weights, learner)
        self.register_buffer("weights", weights, persistent=False)

    @classmethod
    def origins(cls, options: Mapping[str, Any]) -> tuple[Reference, ...]:
        """TET's, where every step is judged."""
        return (cls.reference,) if options.get("time") == "steps" else ()

    def forward(self, learner: Trace, guide: Trace | None, batch: Batch) -> Float[Tensor, ""]:
        """The mean over samples (and steps, and positions that count)."""
        logits = learner.logits if self.time == "fused" else learner.outputs
        mask = batch.mask if learner.outputs.ndim > 3 else None
        labels = self.labels(batch)
        _check_shape(labels, logits if self.time == "fused" else logits[0])
        try:
            each = label_cross_entropy(logits, labels, self.label_smoothing, self.weights)
        except (RuntimeError, IndexError) as error:  # where a class does not exist
            _check_range(labels, logits.shape[-1], error)
            raise
        loss = masked_mean(each, mask)
        if self.weights is not None:
            share = masked_mean(label_weights(labels, self.weights), mask)
            loss = loss / share.clamp_min(torch.finfo(share.dtype).tiny)
        if self.lam:  # Deng et al. 2022, equation 11
            distance = (at_least_float32(learner.outputs) - self.phi).square().mean(-1)
            loss = (1 - self.lam) * loss + self.lam * masked_mean(distance, mask)
        return loss

    def labels(self, batch: Batch) -> Tensor:
        """The targets to compare with: shares, or classes as torch indexes with them.

        Raises:
            SpikedistillError: if the targets are a mapping without the wanted entry.
        """
        if isinstance(batch.targets, Tensor):
            return _indices(batch.targets)
        if self.target not in batch.targets:
            raise SpikedistillError(
                f"cross_entropy reads the target {self.target!r}, which this batch lacks; "
                f"{suggest(self.target, batch.targets)}"
            )
        return _indices(batch.targets[self.target])


def _indices(targets: Tensor) -> Tensor:
    return targets if targets.is_floating_point() else targets.long()


def _check_shape(labels: Tensor, logits: Tensor) -> None:
    """Refuse targets that are not one class, or one share for each class, for each answer.

    Raises:
        SpikedistillError: with both shapes.
    """
    wanted = logits.shape if labels.is_floating_point() else logits.shape[:-1]
    if labels.shape == wanted:
        return
    hint = "give one class for each sample"
    if labels.shape == logits.shape:
        hint = "turn one-hot rows into classes (targets.argmax(-1)) or into shares (.float())"
    elif labels.numel() == logits.shape[:-1].numel():
        hint = f"make it targets.reshape({', '.join(map(str, logits.shape[:-1]))})"
        hint += ".long()" if labels.is_floating_point() else ""
    raise SpikedistillError(
        f"cross_entropy compares outputs {list(logits.shape)} (samples, ..., classes) with classes "
        f"{list(logits.shape[:-1])} or shares {list(logits.shape)}, and the targets are "
        f"{list(labels.shape)} of {str(labels.dtype).removeprefix('torch.')}; {hint}"
    )


def _check_range(labels: Tensor, classes: int, error: Exception) -> None:
    """Say of a failed look-up which class does not exist, if that was it."""
    if labels.is_floating_point():
        return
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise SpikedistillError(
            f"cross_entropy: the label {int(wrong[0])} is none of the {classes} classes that the "
            f"outputs tell apart, which are numbered from 0 to {classes - 1}; number the labels so"
        ) from error


def _weights(given: str | Sequence[float], learner: Spec) -> Tensor:
    """The factors of the classes, `[K]`.

    Raises:
        ValueError: if these are not K factors, or the training labels cannot be counted.
    """
    if isinstance(given, str):
        counts = learner.class_counts
        if not counts:
            raise ValueError(
                "class_weights='balanced' counts the labels of the training data, and here they "
                "cannot be read without loading every sample (or only the lower calls are used); "
                f"give the {learner.classes} factors as a list"
            )
        given = [sum(counts) / (len(counts) * one) if one else 0.0 for one in counts]
    if len(given) != learner.classes:
        raise ValueError(
            f"class_weights has {len(given)} numbers and the {learner.role} tells "
            f"{learner.classes} classes apart; give one for each class"
        )
    wrong = [one for one in given if not 0 <= one < math.inf]
    if wrong or not any(given):
        what = f"one is {wrong[0]}" if wrong else "all are 0"
        raise ValueError(f"class_weights are factors of 0 or more, not all 0, and here {what}")
    return torch.tensor([float(one) for one in given])
