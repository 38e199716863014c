"""Self-attention decides, step by step, how strongly each student layer learns from each teacher's.

**Formula** (`F_i[t]` = tap i of the learner at step t, `G_j` = tap j of the guide, d = B // 4)::

    S_i[t] = flat(F_i[t]) flat(F_i[t])^T            A_j = flat(G_j) flat(G_j)^T            [B, B]
    q_i[t] = query_i(S_i[t]),  k_j = key_j(A_j)     mlp(x) = unit(W2 relu(W1 x + b1) + b2) [B, d]
    a[t, b, i, j] = softmax over j of <q_i[t][b], k_j[b]>
    P_ij = conv1x1(2 D_j -> D_j) . relu . BN . conv3x3(C_i -> 2 D_j)
    L = 1/(T B I) sum_tbij a[t, b, i, j] mean_chw ( P_ij(F_i[t]) - G_j )^2 [b]

The two maps of a pair meet on the smaller of their grids: `F_i` by adaptive maximum pooling, `G_j`
by adaptive average pooling. Gradient flows through the attention as well as through the maps.
Similarities, MLPs, softmax and gap run in float32 under autocast.

**Shapes** learner taps `[T, B, C_i, H_i, W_i]`, guide taps `[1 or T, B, D_j, U_j, V_j]`.

**Needs** `learner_taps` of the learner and `guide_taps` of the guide; full batches, because the
width of queries and keys follows B (not where `attention` is fixed).

**Options**

- `learner_taps`, `guide_taps`: shell patterns of the layers to watch. Default `("stage[0-9]",)`,
  what every stage returns (the paper's choice; not `stage1_activated`). The paper's PyramidNet-20
  teacher shows stages 1 and 3 only.
- `attention`: `"learned"` (default) is the paper's. `"detached"` lets no gradient through it, so
  queries and keys stay as they were initialised (or as an earlier phase left them). `"uniform"` is
  1 / J everywhere; `"diagonal"` is 1 at j = floor(i J / I), counted from 0, and its value is that
  of `fitnet` by default. These two own no queries and keys and take partial batches.
- `temperature`: of the softmax, `softmax(<q, k> / temperature)`; default 1. A number, `"learned"`
  (positive, starts at 1), or a schedule over the phase. Products of unit vectors keep attention in
  `1 / (1 + (J - 1) e^(+-2 / temperature))`: with J = 3, 0.063 to 0.787 at temperature 1.
- `entropy_floor`: f in [0, 1), default 0; a becomes `(1 - f) a + f / J`. No weight is then under
  f / J, and, as entropy is concave, none of the rows has an entropy under `f log J`. (J counts the
  layers that `skip_below` leaves.)
- `features`: `"raw"` (default), or `"normalized"`: the goal of `P_ij` is `G_j / rms(G_j)`, with the
  root mean square over all of the batch's `G_j`, so that layers with large values do not dominate
  the sum. `P_ij(F_i)` is compared as it is, and the attention sees the raw maps.
- `pool`: `"max"` (default) or `"average"`, for `F_i` on its way to a coarser grid.
- `norm_over`: `"time_and_batch"` (default) takes the projectors' BN statistics over all steps at
  once; `"batch"` takes them step by step, as the official code does.
- `projector`: how a student layer is brought to a teacher layer. `"full"` (default) is the paper's
  P_ij above; the others are light, with `D = sum_j D_j`, `dw` a 3x3 convolution of every channel by
  itself, and N positions on the common grid (`"shared"`: the smallest that layer i meets)::

      projector     P_ij                                         multiply-adds
      "full"        conv1x1 . relu . BN . conv3x3(C_i -> 2 D_j)  sum_ij N_ij (18 C_i D_j + 2 D_j^2)
      "pointwise"   BN . conv1x1(C_i -> D_j)                     sum_ij N_ij C_i D_j
      "grouped"     conv1x1(C_i -> D_j) . relu . BN . dw(C_i)    sum_ij N_ij (9 C_i + C_i D_j)
      "shared"      conv1x1(C_i -> D) . relu . BN . dw(C_i)      sum_i N_i (9 C_i + C_i D)

  ResNet-19 taught by ResNet-19, three stages each, as a multiple of the student's own 2.216 G for
  an image and step: full 0.849, pointwise 0.042, grouped 0.043, shared 0.023. With
  `attention="diagonal"` a layer has one goal, so `"shared"` is `"grouped"`.
- `grid`: no pair meets on more than `grid` x `grid` positions (default: no limit). With 8 the
  figures are 0.477, 0.023, 0.024 and 0.023.
- `skip_below`, `skip_after`: pairs whose usual attention lies below `skip_below` (default 0: none)
  are no longer computed once the share `skip_after` (default 0.2) of the budget is spent; see
  `_skipping.PairSkipping`. The softmax is then over the pairs that are left, because a skipped pair
  that kept its attention would be a way to lower the loss without learning. A skipped pair stays
  skipped. Its projector gets gradients of zero, not none, for which data-parallel processes would
  wait. On a GPU the choice costs one synchronisation a step.

The weight beta belongs to the recipe: the paper's text says 100, its CIFAR-10 commands 800.

**Relations** `fitnet` is the same projector and the same gap with a fixed one-hot attention,
`attention="diagonal"`. The spatial ancestor is SemCKD (Chen et al., AAAI 2021).

**Differences from the paper** the official code calls each projector once per step
(`norm_over="batch"`); folding T into the batch is faster and is the default. Its unit norm has no
epsilon; here the norm is clamped at 1e-12. Its query and key networks are in no checkpoint and
differ between data-parallel processes; here they are ordinary parameters. The projectors other than
`"full"` and the options that are off by default (`attention`, `temperature`, `entropy_floor`,
`features`, `pool`, `grid`, `skip_below`) are ours, not the paper's.

**Example**

>>> import torch
>>> from spikedistill.core.spec import Spec
>>> from spikedistill.core.trace import Batch, Trace
>>> _ = torch.manual_seed(0)
>>> student = {"stage1": torch.rand(2, 8, 4, 8, 8), "stage2": torch.rand(2, 8, 6, 4, 4)}
>>> teacher = {"stage1": torch.rand(1, 8, 5, 8, 8), "stage2": torch.rand(1, 8, 7, 4, 4)}
>>> loss = SASTC(
...     Spec("student", 2, 8, 10, {name: tuple(map.shape) for name, map in student.items()}),
...     Spec("teacher", 1, 8, 10, {name: tuple(map.shape) for name, map in teacher.items()}),
... )
>>> traces = Trace(torch.zeros(2, 8, 10), student), Trace(torch.zeros(1, 8, 10), teacher)
>>> batch = Batch(inputs=torch.zeros(8, 3, 8, 8), targets=torch.zeros(8, dtype=torch.long))
>>> print(f"{loss(*traces, batch):.2f}")
0.50
>>> loss.picture(*traces)["attention"].sum(-1).round(decimals=4)     # [T, I]: rows sum to 1
tensor([[1., 1.],
        [1., 1.]])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.loss import Loss, Needs, refuse_classes, refuse_timesteps
from spikedistill.core.reference import Reference
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace
from spikedistill.functional.align import max_to_grid, mean_to_grid
from spikedistill.functional.similarity import (
    attention_bounds,
    diagonal,
    fixed_attention,
    layer_attention,
)
from spikedistill.methods._attention import (
    AttentionName,
    SimilarityMLP,
    Temperature,
    TemperatureOption,
    embed,
    normalized,
    refuse_options,
)
from spikedistill.methods._skipping import PairSkipping
from spikedistill.projectors import (
    GroupedProjector,
    PointwiseProjector,
    ProjectedGaps,
    Projector,
    SharedGaps,
    StepBatchNorm,
)

ProjectorName = Literal["full", "pointwise", "grouped", "shared"]


class SASTC(Loss):
    """Attention-weighted gaps over every step, student layer and teacher layer.

    Raises:
        ValueError: if the pair differs in classes or steps, a pattern matches no tap, a tap is no
            map `[T, B, C, H, W]`, the batch is smaller than 4, an option is out of its range, or
            an option shapes an attention that is fixed.
    """

    fixed: Tensor | None

    reference: ClassVar[Reference] = Reference(
        key="hong2025sastc",
        title="Self-Attentive Spatio-Temporal Calibration for Precise Intermediate Layer Matching "
        "in ANN-to-SNN Distillation",
        authors=("Di Hong", "Yueming Wang"),
        venue="AAAI",
        year=2025,
        link="https://doi.org/10.1609/aaai.v39i16.33895",
        kind="conference",
    )

    def __init__(
        self,
        learner: Spec,
        guide: Spec | None = None,
        *,
        learner_taps: Sequence[str] = ("stage[0-9]",),
        guide_taps: Sequence[str] = ("stage[0-9]",),
        attention: AttentionName = "learned",
        temperature: TemperatureOption = 1.0,
        entropy_floor: float = 0.0,
        features: Literal["raw", "normalized"] = "raw",
        pool: Literal["max", "average"] = "max",
        projector: ProjectorName = "full",
        grid: int | None = None,
        skip_below: float = 0.0,
        skip_after: float = 0.2,
        norm_over: Literal["time_and_batch", "batch"] = "time_and_batch",
    ) -> None:
        super().__init__(learner, guide)
        assert guide is not None
        refuse_classes("sastc", learner, guide)
        refuse_timesteps("sastc", learner, guide)
        refuse_options(attention, temperature, entropy_floor, skip_below)
        mine, theirs = learner.select(*learner_taps), guide.select(*guide_taps)
        self.needs = Needs(learner=mine, guide=theirs)
        self.kind, self.features, self.entropy_floor = attention, features, entropy_floor
        fixed = fixed_attention(attention, len(mine), len(theirs))
        self.register_buffer("fixed", fixed, persistent=False)
        self.full_batches = fixed is None
        self.batch_size = learner.batch_size
        self.queries = self._networks(len(mine))
        self.keys = self._networks(len(theirs))
        self.temperature = Temperature(temperature)
        norm = {
            "time_and_batch": nn.BatchNorm2d,
            "batch": partial(StepBatchNorm, timesteps=learner.timesteps),
        }[norm_over]
        pairs = diagonal(len(mine), len(theirs)) if attention == "diagonal" else None
        self.gaps = _gaps(projector, learner, guide, self.needs, norm, grid, pool, pairs)
        least, _ = attention_bounds(len(theirs), self.temperature.coldest, entropy_floor)
        self.skipping = (
            PairSkipping(len(mine), len(theirs), skip_below, skip_after, least)
            if skip_below
            else None
        )

    def _networks(self, count: int) -> nn.ModuleList:
        """The queries or keys of so many layers; none where the attention is fixed."""
        if self.fixed is not None:
            return nn.ModuleList()
        if self.batch_size < 4:
            raise ValueError(
                "sastc compares the samples of a batch through queries of width B // 4, so it "
                f"needs at least 4 samples per process; the batch has {self.batch_size}"
            )
        networks = nn.ModuleList(SimilarityMLP(self.batch_size) for _ in range(count))
        return networks.requires_grad_(self.kind == "learned")

    def forward(self, learner: Trace, guide: Trace | None, batch: Batch) -> Float[Tensor, ""]:
        """The attention-weighted gap: a sum over guide layers, a mean over all else."""
        assert guide is not None
        raw = self.features == "raw"
        goals = guide if raw else normalized(guide, self.needs.guide)
        if self.kind == "diagonal":  # `gaps` has no other pairs
            return self.gaps(learner, goals).mean()
        kept = self.skipping.kept(batch.progress) if self.skipping else None
        attention = self.attention(learner, guide, kept, batch.progress)
        if self.skipping and self.training:
            self.skipping.watch(attention, kept)
        skipped = () if kept is None else (~kept).flatten().nonzero().flatten().tolist()
        gaps = self.gaps(learner, goals, skipped).unflatten(-1, attention.shape[2:])
        return (attention * gaps).sum(-1).mean()

    def attention(
        self,
        learner: Trace,
        guide: Trace,
        kept: Bool[Tensor, "I J"] | None = None,
        progress: float = 1.0,
    ) -> Float[Tensor, "T B I J"]:
        """How strongly layer i of the learner looks at layer j of the guide; sums to 1 over j.

        With `kept`, layer i looks only at the layers j that it keeps. `progress` is the share of
        the budget that is spent, for a temperature that follows a schedule.

        Raises:
            SpikedistillError: if the batch is not of the size that the queries were built for.
        """
        steps, size = learner.outputs.shape[:2]
        if self.fixed is not None:
            return self.fixed.expand(steps, size, -1, -1)
        if size != self.batch_size:
            raise SpikedistillError(
                f"sastc was built for batches of {self.batch_size} and got one of {size}; its "
                "queries compare fixed numbers of samples, so drop the last, partial batch"
            )
        with torch.autocast(learner.outputs.device.type, enabled=False):
            queries = embed(self.queries, learner, self.needs.learner)
            keys = embed(self.keys, guide, self.needs.guide)
            temperature = self.temperature(progress)
            found = layer_attention(queries, keys, kept, temperature, self.entropy_floor)
        return found if self.kind == "learned" else found.detach()

    def picture(self, learner: Trace, guide: Trace | None) -> dict[str, Tensor]:
        """`attention` `[T, I, J]`, the mean over the samples; over all pairs, skipped or not.

        A temperature that follows a schedule is that of the end of the phase.
        """
        assert guide is not None
        return {"attention": self.attention(learner, guide).mean(1).detach()}


def _gaps(
    projector: str,
    learner: Spec,
    guide: Spec,
    taps: Needs,
    norm: Callable[[int], nn.Module],
    grid: int | None,
    pool: str = "max",
    diagonal: Sequence[int] | None = None,
) -> ProjectedGaps | SharedGaps:
    """The gaps of all pairs `[T, B, I J]`, or of one for each learner layer `[T, B, I]`."""
    kinds = {"full": Projector, "pointwise": PointwiseProjector, "grouped": GroupedProjector}
    pools = {"max": max_to_grid, "average": mean_to_grid}
    if diagonal is not None:
        goals = [taps.guide[j] for j in diagonal]
        pairs = list(zip(taps.learner, goals, strict=True))
        kind = kinds.get(projector, GroupedProjector)
        return ProjectedGaps(learner, guide, pairs, norm, kind, grid, pools[pool])
    if projector == "shared":
        return SharedGaps(learner, guide, taps.learner, taps.guide, norm, grid, pools[pool])
    pairs = [(i, j) for i in taps.learner for j in taps.guide]
    return ProjectedGaps(learner, guide, pairs, norm, kinds[projector], grid, pools[pool])
