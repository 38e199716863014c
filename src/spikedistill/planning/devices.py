"""GPUs by their data sheets: how long a step should take on one that is not here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.planning.ceilings import Ceilings
from spikedistill.planning.follower import Like, Operation
from spikedistill.planning.work import Work

SHARE_OF_PEAK = 0.4
"""What convolutions and products are taken to reach of the peak: an assumption, not measured."""
SHARE_OF_BANDWIDTH = 0.7
"""What everything else is taken to reach of the memory's bandwidth: an assumption, not measured."""


LAUNCH = 10e-6
"""Seconds that Python, autograd and the driver are taken to need for an operation: assumed."""


@dataclass(frozen=True)
class Device:
    """One GPU as its maker's data sheet has it."""

    title: str
    bf16: float
    """Dense bf16 operations per second of the tensor cores; a multiply-add is two."""
    fp32: float
    """Operations per second in float32 without tensor cores."""
    bandwidth: float
    """Bytes per second of its memory."""
    memory: float
    """Bytes."""


DEVICES = {
    "h200": Device("NVIDIA H200 (SXM)", 989e12, 67e12, 4.8e12, 141e9),
    "h100": Device("NVIDIA H100 (SXM)", 989e12, 67e12, 3.35e12, 80e9),
    "a100": Device("NVIDIA A100 80GB (SXM)", 312e12, 19.5e12, 2.039e12, 80e9),
}
"""Dense figures: the data sheets of H100 and H200 print twice as much, for sparse matrices."""


def device(name: str) -> Device:
    """A GPU by its short name.

    Raises:
        SpikedistillError: if it is not in the table; the message names the closest one.

    Example:
        >>> device("h200").memory
        141000000000.0
    """
    if name not in DEVICES:
        raise SpikedistillError(
            f"no data sheet of a device {name!r} is here; {suggest(name, DEVICES)}"
        )
    return DEVICES[name]


def assumptions(of: Device) -> dict[str, Any]:
    """What the times of `Assumed` stand on, as plain values."""
    return asdict(of) | {
        "share_of_peak": SHARE_OF_PEAK,
        "share_of_bandwidth": SHARE_OF_BANDWIDTH,
        "launch": LAUNCH,
    }


class Assumed(Ceilings):
    """The times of a GPU from its data sheet and two assumed shares; nothing is measured.

    An operation takes the longer of its multiply-adds at `SHARE_OF_PEAK` and its bytes at
    `SHARE_OF_BANDWIDTH`. A step takes the longer of its operations on the GPU and the time in
    which Python can hand them over, `LAUNCH` each, which decides small networks and batches.
    """

    overhead = (0.0, 0.0)  # type: ignore[assignment]

    def __init__(self, of: Device) -> None:
        self.of = of

    @property
    def bandwidth(self) -> float:
        """Bytes per second that are assumed to be reached."""
        return SHARE_OF_BANDWIDTH * self.of.bandwidth

    def step(self, work: Work) -> float:
        """Seconds of one step: its work on the GPU, or handing it over where that takes longer."""
        launched = sum(count for op, count in work.select() if op.call.kind != "free")
        return max(super().step(work), LAUNCH * launched)

    def passing(self, moved: int) -> float:
        """Seconds of an elementwise pass that moves so many bytes."""
        return moved / self.bandwidth

    def operation(self, operation: Operation) -> float:
        """Seconds of one operation; none of a view."""
        if operation.call.kind == "free":
            return 0.0
        leaves = operation.call.leaves
        narrow = any(isinstance(x, Like) and x.dtype is torch.bfloat16 for x in leaves)
        peak = self.of.bf16 if narrow else self.of.fp32
        return max(2 * operation.macs / (SHARE_OF_PEAK * peak), self.passing(operation.bytes))
