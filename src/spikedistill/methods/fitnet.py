"""A fixed hint: chosen student layers imitate chosen teacher layers through a projector.

**Formula** (`F_i[t]` = tap i of the learner at step t, `G_j` = tap j of the guide, M = `pairs`,
P_ij = `projectors.Projector`)::

    L = 1/(T B |M|) sum_tb sum_{(i, j) in M} mean_chw ( P_ij(F_i[t]) - G_j )^2 [b]

**Shapes** learner taps `[T, B, C_i, H_i, W_i]`, guide taps `[1 or T, B, D_j, U_j, V_j]`.

**Needs** the taps that `pairs` names.

**Options**

- `pairs`: a mapping from learner taps to guide taps. Without it, every stage i of I looks at stage
  floor(i J / I) of J (counted from 0), one to one where both networks have as many stages. Romero
  et al. pair one middle layer with one middle layer.

**Relations** `sastc` with a fixed one-hot attention, the hint that SASTC argues against; to be
compared with it at the same weight.

**Differences from the paper** Romero et al. project by one convolution without norm, train the hint
alone in a first phase, and have no time. This is the form that SASTC's authors compare with: the
projector of SASTC, the gap at every step, together with the other losses.

**Example**

>>> import torch
>>> from spikedistill.core.spec import Spec
>>> from spikedistill.core.trace import Batch, Trace
>>> _ = torch.manual_seed(0)
>>> student = Trace(torch.zeros(2, 8, 10), {"stage1": torch.rand(2, 8, 4, 8, 8)})
>>> teacher = Trace(torch.zeros(1, 8, 10), {"stage1": torch.rand(1, 8, 5, 4, 4)})
>>> loss = FitNet(
...     Spec("student", 2, 8, 10, {"stage1": (2, 8, 4, 8, 8)}),
...     Spec("teacher", 1, 8, 10, {"stage1": (1, 8, 5, 4, 4)}),
...     pairs={"stage1": "stage1"},
... )
>>> batch = Batch(inputs=torch.zeros(8, 3, 8, 8), targets=torch.zeros(8, dtype=torch.long))
>>> print(f"{loss(student, teacher, batch):.2f}")
0.38
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from spikedistill.core.loss import Loss, Needs, refuse_timesteps
from spikedistill.core.reference import Reference
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace
from spikedistill.projectors import ProjectedGaps


class FitNet(Loss):
    """The projected gap of fixed pairs of layers, mean over steps, samples and pairs.

    Raises:
        ValueError: if the steps differ, a tap is missing, or a tap is no map `[T, B, C, H, W]`.
    """

    reference: ClassVar[Reference] = Reference(
        key="romero2015fitnets",
        title="FitNets: Hints for Thin Deep Nets",
        authors=(
            "Adriana Romero",
            "Nicolas Ballas",
            "Samira Ebrahimi Kahou",
            "Antoine Chassang",
            "Carlo Gatta",
            "Yoshua Bengio",
        ),
        venue="ICLR",
        year=2015,
        link="https://arxiv.org/abs/1412.6550",
        kind="conference",
    )

    def __init__(
        self,
        learner: Spec,
        guide: Spec | None = None,
        *,
        pairs: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(learner, guide)
        assert guide is not None
        refuse_timesteps("fitnet", learner, guide)
        if pairs is None:
            mine, theirs = learner.select("stage[0-9]"), guide.select("stage[0-9]")
            pairs = {tap: theirs[i * len(theirs) // len(mine)] for i, tap in enumerate(mine)}
        if not pairs:
            raise ValueError("fitnet needs at least one pair of layers; `pairs` is empty")
        self.needs = Needs(tuple(pairs), tuple(dict.fromkeys(pairs.values())))
        self.gaps = ProjectedGaps(learner, guide, list(pairs.items()))

    def forward(self, learner: Trace, guide: Trace | None, batch: Batch) -> Float[Tensor, ""]:
        """The mean gap."""
        assert guide is not None
        return self.gaps(learner, guide).mean()
