"""The forms of SASTC that `distill` measures: a name and how the loss is built from two specs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from _bench import device_type
from torch import Tensor, nn

from spikedistill.core.loss import Loss
from spikedistill.core.spec import Spec
from spikedistill.core.trace import Batch, Trace
from spikedistill.methods.sastc import SASTC


class Loops(SASTC):
    """The same loss, one step, one student layer and one teacher layer at a time."""

    def forward(self, learner: Trace, guide: Trace | None, batch: Batch) -> Tensor:
        """As the equation is written."""
        assert guide is not None
        mine, theirs, T = self.needs.learner, self.needs.guide, len(learner.outputs)
        total = torch.zeros(())
        for t in range(T):
            keys = [
                self._embed(key, guide[tap][0]) for key, tap in zip(self.keys, theirs, strict=True)
            ]
            for i, tap in enumerate(mine):
                source = learner[tap][t]
                query = self._embed(self.queries[i], source)
                attention = torch.stack([(query * key).sum(-1) for key in keys], -1).softmax(-1)
                for j, other in enumerate(theirs):
                    place, goal = i * len(theirs) + j, guide[other][0]
                    grid = self.gaps.grids[place]
                    small = F.adaptive_max_pool2d(source, grid)
                    projected = self.gaps.projectors[place](small)
                    goal = F.adaptive_avg_pool2d(goal, grid)
                    gap = (projected.float() - goal.float()).square().mean((1, 2, 3))
                    total = total + (attention[:, j] * gap).mean() / (T * len(mine))
        return total

    def _embed(self, mlp: nn.Module, features: Tensor) -> Tensor:
        flat = features.flatten(1).float()
        with torch.autocast(device_type(), enabled=False):
            return mlp(flat @ flat.T)


FORMS: dict[str, Callable[[Spec, Spec], Loss]] = {
    "SASTC": SASTC,
    "SASTC, pointwise": partial(SASTC, projector="pointwise"),
    "SASTC, grouped": partial(SASTC, projector="grouped"),
    "SASTC, shared": partial(SASTC, projector="shared"),
    "SASTC, grouped, grid 8": partial(SASTC, projector="grouped", grid=8),
    "SASTC as loops": Loops,
}
