"""Spikes that are not kept for the backward pass, but fired again when it asks for them.

A convolution keeps its input, which is spikes, and the neuron before it keeps the current that
they came from. One of the two is enough: firing again is one pass over memory, and gives the same
spikes. Inside `fired_again` what is kept of a neuron and the layers behind it is its current only.
(And the places that a maximum pooling came from, 8 bytes each, are kept in as few as hold them.)
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.multiprocessing.reductions import StorageWeakRef

Fire = Callable[[], Tensor]


class _Known(NamedTuple):
    memory: StorageWeakRef
    version: int
    """How often the memory had been changed in place: other values cannot be fired again."""
    fire: Fire


_known: ContextVar[dict[int, _Known] | None] = ContextVar("fired_again", default=None)


@contextmanager
def fired_again() -> Generator[None]:
    """Layers called inside this block do not keep the spikes of compiled neurons."""
    token = _known.set({})
    try:
        with saved_tensors_hooks(pack, unpack):
            yield
    finally:
        _known.reset(token)


def can_fire_again(spikes: Tensor, fire: Fire) -> None:
    """Say how to get a tensor of spikes again: `fire()` gives what its memory holds, in order."""
    known = _known.get()
    if known is not None and spikes.requires_grad:
        memory = StorageWeakRef(spikes.untyped_storage())
        # no other memory gets this number while we hold the reference
        known[memory.cdata] = _Known(memory, spikes._version, fire)


class Again:
    """In place of a kept tensor: how to fire it again, and which part of it was kept."""

    def __init__(self, fire: Fire, kept: Tensor) -> None:
        self.fire = fire
        self.shape, self.stride, self.offset = kept.shape, kept.stride(), kept.storage_offset()

    def tensor(self) -> Tensor:
        """The spikes as they were kept."""
        with torch.no_grad():
            return self.fire().as_strided(self.shape, self.stride, self.offset)


class Narrow(NamedTuple):
    """In place of a kept tensor of whole numbers: the same in fewer bytes."""

    kept: Tensor

    def tensor(self) -> Tensor:
        """As it was."""
        return self.kept.long()


Packed = Tensor | Again | Narrow


def pack(tensor: Tensor) -> Packed:
    """What is kept in place of a tensor."""
    if tensor.dtype == torch.int64 and tensor.numel() > FEW and tensor.device.type == "cpu":
        low, high = (int(end) for end in tensor.aminmax())
        for dtype in (torch.uint8, torch.int16, torch.int32):
            if torch.iinfo(dtype).min <= low and high <= torch.iinfo(dtype).max:
                return Narrow(tensor.to(dtype))
    found = (_known.get() or {}).get(tensor.untyped_storage()._cdata)
    if found is None or found.version != tensor._version:
        return tensor
    return Again(found.fire, tensor)


FEW = 1000
"""So many whole numbers are not worth a look; on a GPU a look would have to wait for it."""


def unpack(kept: Packed) -> Tensor:
    """The tensor, from what was kept of it."""
    return kept if isinstance(kept, Tensor) else kept.tensor()
