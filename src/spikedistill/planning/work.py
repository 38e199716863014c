"""What one training step takes: operations, bytes moved and memory, followed on paper."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
    UnsupportedFakeTensorException,
    unset_fake_temporarily,
)
from torch.autograd.graph import saved_tensors_hooks

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.trace import Batch
from spikedistill.core.tree import leaves
from spikedistill.functional import recall
from spikedistill.functional.alike import counted_once
from spikedistill.functional.recall import fired_again
from spikedistill.planning.follower import Follower, Kind, Operation
from spikedistill.training.distiller import Distiller
from spikedistill.training.settings import Settings

FLOAT = 4
"""Bytes of a float32: what weights, gradients and the optimiser's state are kept in."""


@dataclass(frozen=True)
class Memory:
    """Bytes that a step needs at its peak, the beginning of the backward pass."""

    weights: int
    """Parameters and buffers of all networks and losses."""
    gradients: int
    optimizer: int
    average: int
    """The moving average of what learns."""
    batch: int
    """Images of one batch."""
    kept: int
    """What the forward pass leaves for the backward pass, each storage once."""
    passing: int
    """Inputs and results of the largest operation of the backward pass."""

    @property
    def total(self) -> int:
        """The sum: what has to fit, beside the program itself."""
        return sum(vars(self).values())


@dataclass(frozen=True)
class Update:
    """What follows the backward pass: clipping, the optimiser, the moving average."""

    bytes: int
    calls: int


@dataclass(frozen=True)
class Work:
    """One step on paper."""

    operations: Mapping[Operation, int]
    """Every distinct operation and how often it runs."""
    kept: Mapping[str, int]
    """Bytes kept for the backward pass, by section (`role NAME`, `loss NAME`)."""
    update: Update
    memory: Memory

    def select(
        self, section: str | None = None, backward: bool | None = None, kind: Kind | None = None
    ) -> Generator[tuple[Operation, int], None, None]:
        """Operations of a section, of one direction, of a kind, each with its count."""
        for operation, count in self.operations.items():
            if (
                section in (None, operation.section)
                and backward in (None, operation.backward)
                and kind in (None, operation.call.kind)
            ):
                yield operation, count

    def macs(self, section: str | None = None, backward: bool | None = None) -> int:
        """Multiply-adds of a section, of one direction, or of all."""
        return sum(op.macs * n for op, n in self.select(section, backward, "multiply"))

    def bytes(self, section: str | None = None, kind: Kind | None = None) -> int:
        """Bytes that have to be moved; without a section the update counts too."""
        after = self.update.bytes if section is None and kind in (None, "pass") else 0
        return sum(op.bytes * n for op, n in self.select(section, kind=kind)) + after

    @property
    def sections(self) -> tuple[str, ...]:
        """All sections in the order in which they first ran."""
        return tuple(dict.fromkeys(operation.section for operation in self.operations))


def work(
    distiller: Distiller, batch: Batch, settings: Settings, dtype: torch.dtype, compiled: bool
) -> Work:
    """Follow one step of a distiller that was made in `on_paper()`; nothing is computed.

    Args:
        distiller: of imitations (see `imitation`).
        batch: tensors without values, made in the same context.
        settings: of the phase: what the update does.
        dtype: of autocast; float32 for none.
        compiled: whether the loops of neurons count as compiled.

    Raises:
        SpikedistillError: if a network or a loss asks for the values of a tensor.
    """
    follower, kept = Follower(), _Kept(distiller, batch)
    loops = follower.loops_as_compiled() if compiled else nullcontext()
    again = fired_again() if compiled and settings.fires_again else nullcontext()
    autocast = torch.autocast("cpu", dtype, enabled=dtype is not torch.float32)
    try:
        with _sections(distiller, follower), loops, counted_once(follower.repeat), follower:
            hooks = saved_tensors_hooks(lambda x: kept.keep(x, follower.section), recall.unpack)
            with again, hooks, autocast:
                loss, _ = distiller(batch)
            follower.enter_section("other")
            loss.backward()
    except (
        DataDependentOutputException,
        DynamicOutputShapeException,
        UnsupportedFakeTensorException,
    ) as problem:
        raise SpikedistillError(
            f"this step cannot be followed on paper, because something in it asks for the values "
            f"of a tensor ({problem}); measure it with a short run instead: training.epochs=1 and "
            "data.train_limit"
        ) from problem
    largest = max((op.bytes for op in follower.operations if op.backward), default=0)
    return Work(
        dict(follower.operations),
        kept.by_section(),
        update(distiller, settings),
        _memory(distiller, batch, settings, sum(kept.by_section().values()), largest),
    )


@contextmanager
def on_paper() -> Generator[None, None, None]:
    """Tensors that are made inside have a shape and a dtype, and no values."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def imitation(network: nn.Module) -> nn.Module:
    """A copy of a real network whose tensors hold nothing; to be called inside `on_paper()`."""
    with unset_fake_temporarily():
        tensors = [*network.parameters(), *network.buffers()]
        network = copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
    return emptied(network)


def emptied(module: nn.Module) -> nn.Module:
    """The same module, its tensors without values, kernels in channels_last as in training."""
    new: dict[int, Tensor] = {}
    old: list[Tensor] = []  # alive, so that no other tensor gets their identity
    for part in module.modules():
        for store in (part._parameters, part._buffers):
            for name, tensor in store.items():
                if tensor is None:
                    continue
                old.append(tensor)
                if id(tensor) not in new:
                    new[id(tensor)] = _empty(tensor)
                store[name] = new[id(tensor)]
    return module


def _empty(tensor: Tensor) -> Tensor:
    new = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype)
    if new.dim() == 4:
        new = new.contiguous(memory_format=torch.channels_last)
    if not isinstance(tensor, nn.Parameter):
        return new
    return nn.Parameter(new, requires_grad=tensor.requires_grad)


@contextmanager
def _sections(distiller: Distiller, follower: Follower) -> Generator[None, None, None]:
    """Tell the follower which role or which loss is at work."""
    inner = distiller.trace

    def trace(name: str, *given: Any) -> Any:
        before = follower.enter_section(f"role {name}")
        try:
            return inner(name, *given)
        finally:
            follower.enter_section(before)

    hooks = []
    for term in distiller.objective.terms:
        enter = _entering(follower, f"loss {term.name}")
        hooks.append(term.loss.register_forward_pre_hook(enter))
        hooks.append(term.loss.register_forward_hook(_entering(follower, "other")))
    distiller.trace = trace  # type: ignore[method-assign]
    try:
        yield
    finally:
        del distiller.trace
        for hook in hooks:
            hook.remove()


def _entering(follower: Follower, section: str) -> Callable[..., None]:
    def enter(*_: Any) -> None:
        follower.enter_section(section)

    return enter


class _Kept:
    """What autograd keeps: each storage once, without what is there anyway."""

    def __init__(self, distiller: Distiller, batch: Batch) -> None:
        there = [*distiller.parameters(), *distiller.buffers(), *leaves(batch.inputs)]
        self._there = {x.untyped_storage()._cdata for x in there}
        self._kept: dict[int, tuple[str, int, Tensor]] = {}  # the tensor keeps its key from reuse

    def keep(self, tensor: Tensor, section: str) -> recall.Packed:
        """What is kept in its place; places of a maximum count as 2 bytes, unseen as they are."""
        places = tensor.dtype is torch.int64 and tensor.numel() > recall.FEW
        packed = tensor if places else recall.pack(tensor)
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes() // (4 if places else 1)
        if packed is tensor and key not in self._there:
            self._kept.setdefault(key, (section, size, tensor))
        return packed

    def by_section(self) -> dict[str, int]:
        """Bytes by the section that kept them first."""
        found: dict[str, int] = {}
        for section, size, _ in self._kept.values():
            found[section] = found.get(section, 0) + size
        return found


def _memory(
    distiller: Distiller, batch: Batch, settings: Settings, kept: int, passing: int
) -> Memory:
    learned = _learned(distiller)
    states = {"sgd": int(settings.momentum > 0), "adamw": 2}[settings.optimizer]
    everything = [*distiller.parameters(), *distiller.buffers()]
    return Memory(
        weights=_size(everything),
        gradients=_size(learned),
        optimizer=states * _size(learned),
        average=_size(distiller.state_dict().values()) if settings.ema else 0,
        batch=_size(leaves(batch.inputs)),
        kept=kept,
        passing=passing,
    )


def update(distiller: Distiller, settings: Settings) -> Update:
    """Passes over what learns after the backward pass, each a read or a write of all of it.

    SGD: weight decay 3 (two reads, one write), momentum 2 + 3, Nesterov 3, the step 3. AdamW:
    decay 2, the two means 3 + 5, the denominator 6, the step 4. Clipping: the norm 1, scaling 2.
    The moving average: 3.
    """
    if settings.optimizer == "adamw":
        passes, calls = 20, 9
    else:
        parts = {3: settings.weight_decay > 0, 5: settings.momentum > 0}
        passes = 3 + sum(size for size, there in parts.items() if there)
        passes += 3 * (settings.nesterov and settings.momentum > 0)
        calls = 1 + (settings.weight_decay > 0) + 2 * (settings.momentum > 0)
    clipping = settings.clip is not None
    averaging = settings.ema is not None
    learned = _learned(distiller)
    return Update(
        (passes + 3 * clipping + 3 * averaging) * _size(learned),
        (calls + 2 * clipping + averaging) * len(learned),
    )


def _learned(distiller: Distiller) -> list[nn.Parameter]:
    return [parameter for parameter in distiller.parameters() if parameter.requires_grad]


def _size(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.dtype.itemsize for tensor in tensors)
