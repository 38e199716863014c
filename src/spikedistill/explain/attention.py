"""What the losses have to show: their pictures (SASTC's attention maps) as means over many samples.

Every loss may return named tensors from `picture`, for example SASTC its attention `[T, I, J]`,
the mean over the samples of one batch (Hong and Wang, AAAI 2025). Batches of one size are meant
equally.

**Example**

>>> from spikedistill.core.spec import Spec
>>> from spikedistill.core.trace import Trace
>>> class Share(Loss):
...     def forward(self, learner, guide, batch): ...
...     def picture(self, learner, guide): return {"attention": learner.logits}
>>> traces = [(Trace(torch.full((1, 2, 1), value)), None) for value in (1.0, 3.0)]
>>> loss = Share(Spec("student", 1, 2, 1), Spec("teacher", 1, 2, 1))
>>> mean_pictures(loss, traces)["attention"].flatten().tolist()
[2.0, 2.0]
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from spikedistill.core.evaluation import evaluation
from spikedistill.core.loss import Loss
from spikedistill.core.trace import Trace


def mean_pictures(loss: Loss, traces: Iterable[tuple[Trace, Trace | None]]) -> dict[str, Tensor]:
    """The mean of each picture of a loss over batches, in float64 on the CPU.

    Args:
        loss: any loss; one without pictures gives an empty result and sees no trace.
        traces: learner's and guide's trace of each batch, all batches of one size.
    """
    if type(loss).picture is Loss.picture:
        return {}
    sums: dict[str, Tensor] = {}
    count = 0
    with torch.no_grad(), evaluation(loss):
        for learner, guide in traces:
            for name, value in loss.picture(learner, guide).items():
                value = value.detach().double().cpu()
                sums[name] = sums[name] + value if name in sums else value
            count += 1
    return {name: total / count for name, total in sums.items()}
