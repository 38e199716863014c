"""The share of right answers."""

from __future__ import annotations

from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.metric import Metric
from spikedistill.core.trace import Batch, Trace


class Accuracy(Metric):
    """Percent of answers whose best class is the target's.

    Outputs are `[T, B, ..., K]`; targets class indices `[B, ...]`, or class probabilities
    `[B, ..., K]`, whose largest counts. With a target at every position, each position that the
    mask keeps is an answer.

    **Options:**
    - top: how many of the best classes count as an answer.

    Example:
        >>> import torch
        >>> metric = Accuracy()
        >>> outputs = torch.tensor([[[1.0, 0.0]], [[0.0, 3.0]]])     # T = 2, B = 1, K = 2
        >>> metric.update(Trace(outputs), Batch(torch.zeros(1, 1), torch.tensor([1])))
        >>> metric.value()
        100.0
    """

    name = "accuracy"

    def __init__(self, top: int = 1) -> None:
        self.top, self.right, self.count = top, 0, 0

    def update(self, answer: Trace, batch: Batch) -> None:
        """Count one batch.

        Raises:
            SpikedistillError: if targets are no classes of the outputs, or there are fewer classes
                than `top`.
        """
        targets = batch.targets
        if not isinstance(targets, Tensor):
            raise SpikedistillError(
                f"accuracy needs one target, a class, and the data give {', '.join(targets)}; name "
                "the task of the data, or other metrics"
            )
        hits = right_answers(answer.outputs, targets, self.top)
        if batch.mask is not None and hits.shape == batch.mask.shape:
            hits = hits[batch.mask.bool().to(hits.device)]
        self.right += int(hits.sum())
        self.count += hits.numel()

    def value(self) -> float:
        """Percent of right answers."""
        return 100 * (self.right / self.count) if self.count else float("nan")


def right_answers(outputs: Tensor, targets: Tensor, top: int = 1) -> Tensor:
    """Whether the mean over time of the outputs `[T, B, ..., K]` is right, `[B, ...]`.

    Raises:
        SpikedistillError: if the classes do not fit.
    """
    classes = outputs.shape[-1]
    if not 1 <= top <= classes:
        raise SpikedistillError(
            f"top-{top} accuracy needs at least {top} classes and top >= 1; the outputs have "
            f"{classes} classes"
        )
    targets = targets.argmax(-1) if targets.is_floating_point() else targets.long()
    if targets.numel() and int(targets.max()) >= classes:
        raise SpikedistillError(
            f"the data have a class {int(targets.max())}, but the network tells only {classes} "
            "classes apart; build it with more classes"
        )
    if targets.shape != outputs.shape[1:-1]:
        raise SpikedistillError(
            f"the network answers {list(outputs.shape[1:-1])} questions, and the targets are "
            f"{list(targets.shape)}; one answer for each target is needed: let its forward return "
            "the scores of the classes alone, first of a tuple, or under the name 'logits'"
        )
    # the sum over the steps orders the classes as their mean does
    summed = outputs.double().sum(0)
    if top == 1:
        return summed.argmax(-1) == targets
    best = summed.topk(top, -1).indices
    return (best == targets.unsqueeze(-1)).any(-1)
