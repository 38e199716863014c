"""The student's logits imitate the guide's softened class distribution, fused or at every step.

**Formula** (`z_s` = `learner.outputs`, `z_t` = `guide.outputs`, bars = means over time,
sigma = softmax over the K classes)::

    time="fused":  L = tau^2 1/B     sum_b  KL( sigma(zbar_t[b] / tau) || sigma(zbar_s[b] / tau) )
    time="steps":  L = tau^2 1/(T B) sum_tb KL( sigma(z_t[t, b] / tau) || sigma(z_s[t, b] / tau) )

**Shapes** learner `[T, B, K]`, guide `[1, B, K]` (an ANN) or `[T, B, K]`; also `[T, B, L, K]` with
`batch.mask` `[B, L]`. With `time="fused"` the guide may run any number of steps.

**Needs** the outputs of both.

**Options**

- `temperature`: tau, 4.0 by default (recipes in the literature use 1 to 5).
- `time`: `"fused"` (default) or `"steps"`.

**Relations** the baseline of every logit method. By convexity the loss per step is never smaller
than the fused one. With a guide that is the student itself, run longer, it is self-distillation.

**Differences from the paper** Hinton et al. distil networks without time: the mean over time stands
for their logits (used so for spiking networks by Takuya et al., COOL CHIPS 2021). The weight of the
label term is the recipe's, not this loss's.

**Example**

>>> import torch
>>> double = torch.float64
>>> from spikedistill.core.spec import Spec
>>> from spikedistill.core.trace import Batch, Trace
>>> student = Trace(torch.tensor([[[0.8, 1.2, -0.3, 0.1]], [[1.5, 0.2, 0.4, -0.6]]], dtype=double))
>>> teacher = Trace(torch.tensor([[[2.0, 1.0, 0.5, -1.0]]], dtype=double))
>>> specs = Spec("student", 2, 1, classes=4), Spec("teacher", 1, 1, classes=4)
>>> batch = Batch(inputs=torch.zeros(1, 1), targets=torch.tensor([0]))
>>> print(f"{LogitKD(*specs, temperature=4.0)(student, teacher, batch):.6f}")
0.148564
>>> print(f"{LogitKD(*specs, temperature=4.0, time='steps')(student, teacher, batch):.6f}")
0.226391
"""

from __future__ import annotations

from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor

from spikedistill.core.loss import Loss, refuse_classes, refuse_timesteps
from spikedistill.core.reference import Reference
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace
from spikedistill.functional.divergence import masked_mean, softened_kl


class LogitKD(Loss):
    """Softened Kullback-Leibler divergence from the guide's logits to the learner's.

    Raises:
        ValueError: if the classes differ, the temperature is not positive, or, with
            `time="steps"`, the guide runs several steps that are not the learner's.
    """

    reference: ClassVar[Reference] = Reference(
        key="hinton2015distilling",
        title="Distilling the Knowledge in a Neural Network",
        authors=("Geoffrey Hinton", "Oriol Vinyals", "Jeff Dean"),
        venue="NIPS Deep Learning Workshop 2014",
        year=2015,
        link="https://arxiv.org/abs/1503.02531",
        kind="preprint",
    )

    def __init__(
        self,
        learner: Spec,
        guide: Spec | None = None,
        *,
        temperature: float = 4.0,
        time: Literal["fused", "steps"] = "fused",
    ) -> None:
        super().__init__(learner, guide)
        assert guide is not None
        refuse_classes("logit_kd", learner, guide)
        if time == "steps":
            refuse_timesteps("logit_kd with time='steps'", learner, guide)
        if not temperature > 0:
            raise ValueError(f"temperature must be positive; got {temperature}")
        self.temperature, self.time = temperature, time

    def forward(self, learner: Trace, guide: Trace | None, batch: Batch) -> Float[Tensor, ""]:
        """The mean over samples (and steps, and positions that count)."""
        assert guide is not None
        fused = self.time == "fused"
        mine, theirs = (run.logits if fused else run.outputs for run in (learner, guide))
        mask = batch.mask if learner.outputs.ndim > 3 else None
        return masked_mean(softened_kl(mine, theirs, self.temperature), mask)
