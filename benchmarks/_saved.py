"""What a training step keeps for its backward pass: bytes by layer, precision and kind of value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

from spikedistill.functional import recall
from spikedistill.functional.recall import fired_again


class Kind(NamedTuple):
    """What was kept, by whom."""

    layer: str
    """Class of the innermost module that ran; "" outside of all."""
    dtype: str
    values: str
    """"spikes" where all are 0 or 1, "weights" for their copy in lower precision, else "real"."""


def saved_by_kind(network: nn.Module, step: Callable[[], object], again: bool) -> Counter[Kind]:
    """Bytes of the memory that autograd holds when the forward of `step` ends, each counted once.

    With `again`, what is kept in place of spikes that can be fired again.

    Memory that several layers keep is counted for the first; parameters and buffers of the
    network are no extra memory and are left out.
    """
    known = {t.untyped_storage().data_ptr() for t in (*network.parameters(), *network.buffers())}
    found: Counter[Kind] = Counter()
    stack: list[nn.Module | None] = [None]
    held: list[Tensor] = []  # alive, so that no later tensor gets the same memory

    def pack(tensor: Tensor) -> recall.Packed:
        packed = recall.pack(tensor) if again else tensor
        kept = packed.kept if isinstance(packed, recall.Narrow) else packed
        if not isinstance(kept, Tensor):
            return packed
        storage = kept.untyped_storage()
        if storage.data_ptr() not in known and storage.nbytes():
            known.add(storage.data_ptr())
            held.append(kept.detach())
            found[_kind(stack[-1], kept)] += storage.nbytes()
        return packed

    hooks = [
        register_module_forward_pre_hook(lambda m, inputs: stack.append(m)),
        register_module_forward_hook(lambda m, i, output: _pop(stack), always_call=True),
    ]
    try:
        with fired_again() if again else nullcontext():
            with torch.autograd.graph.saved_tensors_hooks(pack, recall.unpack):
                step()
    finally:
        for hook in hooks:
            hook.remove()
    return found


def activations(network: nn.Module, kinds: tuple[type[nn.Module], ...], step: Callable) -> int:
    """How many values the activations of a network gave in one step: neurons x T x B."""
    total = 0

    def count(module: nn.Module, inputs: object, output: Tensor) -> None:
        nonlocal total
        total += output.numel()

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, kinds)]
    step()
    for hook in hooks:
        hook.remove()
    return total


def _pop(stack: list[nn.Module | None]) -> None:
    stack.pop()  # a hook that returns something would replace the output


def _kind(layer: nn.Module | None, tensor: Tensor) -> Kind:
    own = () if layer is None else [p.shape for p in layer.parameters(recurse=False)]
    if tensor.shape in own or (tensor.dim() == 2 and tensor.mT.shape in own):
        values = "weights"
    else:
        with torch.no_grad():
            binary = ((tensor == 0) | (tensor == 1)).all().item()
        values = "spikes" if binary else "real"
    name = "" if layer is None else type(layer).__name__
    return Kind(name, str(tensor.dtype).removeprefix("torch."), values)
