"""Stages that keep nothing for the backward pass but their input, and are computed again in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

from spikedistill.core.clock import Temporal, temporal_layers
from spikedistill.core.errors import SpikedistillError
from spikedistill.taps import declared_taps


class Recomputed:
    """The stages of a network, each block of which is run again when its gradient is wanted.

    Values and gradients are those of the ordinary backward pass, bit for bit: the second run sees
    the same time steps, random numbers and autocast, and leaves running statistics alone. An
    input of spikes waits as bytes. What it costs is a second forward pass of the stages.

    Args:
        network: declares `stage1`, `stage2`, ... as modules that hold whole stages, or as parts of
            such modules. What stands between them in the same parent (pooling) counts too.
        name: how messages call the network.

    Raises:
        SpikedistillError: if the network has no such stages.
    """

    def __init__(self, network: nn.Module, name: str) -> None:
        self.units = stage_units(network, name)
        self._whole = dict.fromkeys(self.units, True)
        """Whether the inputs of a unit were whole numbers so far; if not, none is tried again."""

    @contextmanager
    def during(self) -> Generator[None, None, None]:
        """A call of the network inside this block keeps only the inputs of its units."""
        own = {unit: vars(unit).get("forward") for unit in self.units}
        for unit in self.units:  # not for good: torch.fx must be able to follow the network
            unit.forward = self._keeping_inputs(unit, unit.forward)
        try:
            yield
        finally:
            for unit, forward in own.items():
                del unit.forward
                if forward is not None:
                    unit.forward = forward

    def _keeping_inputs(self, unit: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
        def keeping(*inputs: Any, **options: Any) -> Any:
            clocks = [(layer, layer.timesteps, layer.expands) for layer in temporal_layers(unit)]
            # these hooks see the inputs only; checkpoint puts its own around what happens inside
            with saved_tensors_hooks(lambda tensor: self._pack(unit, tensor), _unpack):
                return checkpoint(
                    forward,
                    *inputs,
                    use_reentrant=False,
                    context_fn=lambda: (nullcontext(), _second_run(unit, clocks)),
                    **options,
                )

        return keeping

    def _pack(self, unit: nn.Module, tensor: Tensor) -> tuple[Tensor, torch.dtype]:
        """Whole numbers from 0 to 255 as bytes; all else as it is."""
        if self._whole[unit] and tensor.is_floating_point():
            small = tensor.detach().to(torch.uint8)
            if torch.equal(small.to(tensor.dtype), tensor):
                return small, tensor.dtype
            self._whole[unit] = False
        return tensor, tensor.dtype


def _unpack(packed: tuple[Tensor, torch.dtype]) -> Tensor:
    tensor, dtype = packed
    return tensor.to(dtype)


@contextmanager
def _second_run(
    unit: nn.Module, clocks: list[tuple[Temporal, int, bool]]
) -> Generator[None, None, None]:
    """Time as it was in the first run, and no trace in the running statistics."""
    now = [(layer, layer.timesteps, layer.expands) for layer, _, _ in clocks]
    _set(clocks)
    try:
        with throwaway_buffers(unit):
            yield
    finally:
        _set(now)


@contextmanager
def throwaway_buffers(network: nn.Module) -> Generator[None, None, None]:
    """Inside this block the buffers (running statistics) are copies, which are then dropped."""
    buffers = [(module, name) for module in network.modules() for name in module._buffers]
    kept = [module._buffers[name] for module, name in buffers]
    for (module, name), value in zip(buffers, kept, strict=True):
        module._buffers[name] = None if value is None else value.clone()
    try:
        yield
    finally:
        for (module, name), value in zip(buffers, kept, strict=True):
            module._buffers[name] = value


def _set(clocks: list[tuple[Temporal, int, bool]]) -> None:
    for layer, timesteps, expands in clocks:
        layer.timesteps, layer.expands = timesteps, expands


def stage_units(network: nn.Module, name: str) -> tuple[nn.Module, ...]:
    """What is run again as one piece: the blocks of the stages, and what stands between stages.

    Blocks rather than whole stages, because the work is the same and less is alive at a time.

    Raises:
        SpikedistillError: if the network declares no stages, or its stages are no modules.
    """
    paths = [path for tap, path in declared_taps(network).items() if re.fullmatch(r"stage\d+", tap)]
    if not paths:
        raise SpikedistillError(
            f"checkpoint: stage needs the stages of the {name}, and {type(network).__name__} "
            f"declares none; give its network taps (stage1: path.of.a.module, ...), or choose "
            "checkpoint: off"
        )
    heads = _heads(paths)
    for head, path in zip(heads, paths, strict=True):
        if heads.count(head) > 1 or not _holds_layers(network.get_submodule(head)):
            raise SpikedistillError(
                f"checkpoint: stage needs stages that are modules of their own, and the {name} "
                f"({type(network).__name__}) has a stage that ends with {path!r} inside a module "
                "that holds no stage by itself; give its network taps that name whole stages, or "
                "choose checkpoint: off"
            )
    return tuple(unit for head in _siblings(network, heads) for unit in _blocks(head))


def _heads(paths: list[str]) -> list[str]:
    """The paths, cut after the first part in which all of them differ."""
    parts = [path.split(".") for path in paths]
    for depth in range(1, max(map(len, parts))):
        heads = [".".join(part[:depth]) for part in parts]
        if len(set(heads)) == len(heads) > 1:
            return heads
    return paths


def _siblings(network: nn.Module, heads: list[str]) -> Iterator[nn.Module]:
    """The stages, and what their parent registers between them."""
    parent = network.get_submodule(heads[0].rpartition(".")[0])
    children = list(parent.children())
    stages = [network.get_submodule(head) for head in heads]
    if not all(any(stage is child for child in children) for stage in stages):
        yield from stages
        return
    places = [place for place, child in enumerate(children) if any(child is s for s in stages)]
    yield from children[places[0] : places[-1] + 1]


def _holds_layers(module: nn.Module) -> bool:
    return not isinstance(module, Temporal) and any(True for _ in module.children())


def _blocks(stage: nn.Module) -> Iterator[nn.Module]:
    """The blocks of a stage, where it is a sequence of them; else itself."""
    children = list(stage.children())
    if isinstance(stage, nn.Sequential) and children and all(map(_holds_layers, children)):
        yield from children
    else:
        yield stage
