"""Several batches for one step of the optimiser: where a group ends, and what each batch counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where a batch stands in its group."""

    share: float
    """The share of the epoch's groups before it, which schedules go by."""
    weight: float
    """What the gradient of this batch counts: its share of the group's samples."""
    last: bool
    """Whether the optimiser takes its step after this batch."""


def place_of(step: int, steps: int, accumulate: int, batch_size: int, samples: int) -> Place:
    """The place of the batch of a step.

    Args:
        step: batches before it in the epoch.
        steps: batches of an epoch.
        accumulate: batches of a group; the last group of an epoch may have fewer.
        batch_size: samples of a batch; the last one of an epoch may have fewer.
        samples: those of an epoch, at this process.

    Example:
        >>> [place_of(step, 3, 2, 8, 20).weight for step in range(3)]      # 8 + 8, then 4
        [0.5, 0.5, 1.0]
        >>> [place_of(step, 2, 2, 8, 12).weight for step in range(2)]      # 8 + 4
        [0.6666666666666666, 0.3333333333333333]
    """
    first = step - step % accumulate
    end = min(first + accumulate, steps)
    group = min(end * batch_size, samples) - first * batch_size
    mine = min((step + 1) * batch_size, samples) - step * batch_size
    groups = -(-steps // accumulate)
    return Place(first // accumulate / groups, mine / group, step + 1 == end)
