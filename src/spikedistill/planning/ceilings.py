"""How fast this machine does each operation of a step, measured on tensors of the same looks."""

from __future__ import annotations

import functools
import statistics
import time
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from spikedistill.planning.follower import Call, Operation, replay_backward
from spikedistill.planning.work import Work

LONG, RUNS = 0.15, 5
"""One measurement: at most so many seconds and runs after the first, of which the median counts."""
FLUSHED = 64 * 2**20
"""At most so many bytes are passed over between two runs: more than the caches of a core hold."""
SMALL = 2**16
"""Bytes below which an elementwise operation is not worth a measurement of its own."""
SIZES = tuple(3 * 4**power for power in range(4, 14))
"""Bytes that the measured elementwise passes move."""


class Ceilings:
    """Measured times; each distinct operation is measured once, when it is first asked for.

    - An operation that moves more than `SMALL` bytes, and a small one that is not elementwise: the
      very operation, on tensors of the same shape, memory order and dtype.
    - A small elementwise operation: by its bytes, on the measured curve of an addition.
    - Every operation: the time that Python and autograd take beside the work itself.

    In a step an operation finds in the cache what the one before it made, and little else: between
    a forward operation and its backward one lies what the rest of the step holds. So before each
    run as much memory is passed over, and then the first input is read.

    Args:
        device: where training will run.
        between: bytes that a step holds (`Memory.total`).
    """

    def __init__(self, device: torch.device, between: int = FLUSHED) -> None:
        self.device = device
        self._times: dict[Call, float] = {}
        self.guessed: set[str] = set()
        """Operations that could not be made again, and are taken for elementwise ones."""
        self._flushed = torch.zeros(min(between, FLUSHED) // 4 + 1, device=device)

    def step(self, work: Work) -> float:
        """Seconds of one step: every operation, and the update."""
        total = sum(count * self.operation(operation) for operation, count in work.select())
        return total + self.update(work)

    def update(self, work: Work) -> float:
        """Seconds of clipping, optimiser and moving average."""
        calls = max(work.update.calls, 1)
        return calls * (self.passing(work.update.bytes // calls) + self.overhead[0])

    def operation(self, operation: Operation) -> float:
        """Seconds of one operation."""
        call, overhead = operation.call, self.overhead[operation.backward]
        if call.kind == "free":
            return overhead
        if call.pointwise and operation.bytes < SMALL:
            return overhead + self.passing(operation.bytes)
        if call not in self._times:
            self._times[call] = self._measured(call, operation)
        return overhead + self._times[call]

    def _measured(self, call: Call, operation: Operation) -> float:
        arguments, keywords = call.given(self.device)
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            if call.function is replay_backward:
                return self.timed(replay_backward(*arguments), arguments[2])
            try:
                run = functools.partial(call.function, *arguments, **keywords)
                return self.timed(run, arguments[:1])
            except RuntimeError:  # it wants other values than ours: by its bytes, then
                self.guessed.add(str(call.function))
                return self.passing(operation.bytes)

    def passing(self, moved: int) -> float:
        """Seconds of an elementwise pass that moves so many bytes."""
        sizes, times = zip(*self._curve, strict=True)
        place = min(max(bisect_left(sizes, moved), 1), len(sizes) - 1)
        (x0, x1), (y0, y1) = sizes[place - 1 : place + 1], times[place - 1 : place + 1]
        if moved <= x0:
            return y0
        return y0 + (y1 - y0) * (moved - x0) / (x1 - x0)

    @property
    def bandwidth(self) -> float:
        """Bytes per second of a large elementwise pass."""
        size, seconds = self._curve[-1]
        return size / seconds

    @functools.cached_property
    def _curve(self) -> list[tuple[int, float]]:
        found, least = [], 0.0
        for size in SIZES:
            x, y = (torch.rand(size // 12, device=self.device) for _ in range(2))
            least = max(least, self.timed(functools.partial(torch.add, x, y), [x]))
            found.append((size, least))
        return found

    @functools.cached_property
    def overhead(self) -> tuple[float, float]:
        """Seconds that Python and autograd add to an operation, forward and backward.

        From a chain of layers so small that nothing else takes time.
        """
        x = torch.ones(8, device=self.device, requires_grad=True)
        length, bare = 100, x.detach()
        work = self.timed(lambda: [torch.relu(bare) for _ in range(length)]) / length
        layers = nn.Sequential(*(nn.ReLU() for _ in range(length)))
        end, seed = layers(x), torch.ones(8, device=self.device)
        there = self.timed(functools.partial(layers, x)) / length
        back = self.timed(lambda: torch.autograd.grad(end, x, seed, retain_graph=True)) / length
        return max(there - work, 0.0), max(back - work, 0.0)

    def timed(self, run: Callable[[], Any], warm: Any = None) -> float:
        """Median seconds of a call, after one that does not count.

        Args:
            run: the call.
            warm: tensors that the operation before has just made; None: all that it needs.
        """
        self._once(run)
        times: list[float] = []
        held: list[Any] = []  # as in a step, each result gets memory of its own
        while len(times) < RUNS and sum(times) < LONG:
            if warm is not None:
                self._flushed.add_(1)
                for tensor in tree_leaves(warm):
                    if isinstance(tensor, torch.Tensor):
                        tensor.clone()
            times.append(self._once(lambda: held.append(run())))
        return statistics.median(times)

    def _once(self, run: Callable[[], Any]) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        start = time.perf_counter()
        run()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter() - start
