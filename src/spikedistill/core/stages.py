"""Stages of a network that declares none: where its maps stand before each drop of resolution."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

from spikedistill.core.clock import Temporal, spiking
from spikedistill.core.copied import copied
from spikedistill.core.expose import RECTIFIERS, Call, expose
from spikedistill.core.tree import Inputs, first
from spikedistill.core.trial import dry_run

ACTIVATIONS = (*RECTIFIERS, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish)
"""What makes maps of features, as modules."""


def default_stages(network: nn.Module, inputs: Inputs, timesteps: int = 1) -> dict[str, str]:
    """Stages of a network that declares none: the last activation before each drop of resolution.

    One dry run in evaluation mode of a copy. What counts are maps `[N, C, H, W]` that leave an
    activation, a neuron, or a block (whose own activation may be a function call). Passed over are
    layers inside of a block that itself ends at another resolution, because they are the middle of
    the next stage; maps before the first neuron, or before the first activation that a neuron could
    replace; and the map of class scores that a network ends in. Wrappers, backbones and whatever
    else only passes its input on do not count as blocks. The last map closes the last stage.

    Activations that the network calls as functions have the paths that `find_stages` gives them.

    Args:
        network: an ANN or a spiking network; it is not changed.
        inputs: one raw batch `[B, ...]`.
        timesteps: T.

    Returns:
        `{"stage1": path, ...}`, the same for an ANN and its spiking twin; empty where the network
        makes no maps.
    """
    made, sites = _exposed(network) or (network, ())
    return _Look(made, inputs, timesteps, sites).stages()


def find_stages(network: nn.Module, inputs: Inputs, timesteps: int = 1) -> dict[str, str]:
    """The same, in place: activations that are stages and called as functions become modules.

    It computes what it computed before, and its state keeps its names.
    """
    found = default_stages(network, inputs, timesteps)
    paths = {path for path, _ in network.named_modules()}
    if not set(found.values()) <= paths:
        expose(network)
    return found


def expose_calls(network: nn.Module) -> None:
    """Let every activation call of an ANN be a module, in place, so that each can be watched.

    The paths are those that the spiking twin has for its neurons; they are kept as
    `network.activation_sites`. A network whose calls share what they learn stays as it is.
    """
    if not hasattr(network, "activation_sites") and _exposed(network) is not None:
        network.activation_sites = expose(network).sites  # type: ignore[assignment]


def _exposed(network: nn.Module) -> tuple[nn.Module, Sequence[str]] | None:
    """A copy of an ANN in which each activation call is a module, and the paths of these.

    The network itself where it is so already; None where there is none.
    """
    if spiking(network):
        return None
    if (sites := getattr(network, "activation_sites", None)) is not None:
        return network, sites  # exposed before: nothing to copy, and nothing to follow again
    try:
        made = copied(network)
        sites = expose(made).sites
    except Exception:  # some networks cannot be copied or rewritten, and are looked at as they are
        return None
    if made.state_dict().keys() != network.state_dict().keys():
        return None  # calls that share what they learn would learn apart
    return made, sites


@dataclass
class _Seen:
    """What one module did in the dry run."""

    began: int
    """How many activations had ended when it began."""
    given: int | None
    """Pixels of the map that it got; None for anything else."""
    fired: bool = False
    """Whether a neuron, or what could be one, had run when it ended."""
    size: int | None = None
    """Pixels of the map that it made."""
    inside: list[int] = field(default_factory=list[int])
    """Pixels of the maps of activations inside of it, in order."""
    scores: Tensor | None = None
    """The mean over its map, `[N, C]`."""
    memory: StorageWeakRef | None = None
    """Where its map lay. While this is held, no other memory gets its number."""


class _Look:
    """One dry run, in which every module that may end a stage is watched."""

    def __init__(
        self, network: nn.Module, inputs: Inputs, timesteps: int, sites: Sequence[str] = ()
    ) -> None:
        self.network = network
        self.own = {network.get_submodule(path) for path in sites}
        self.leaves = (*ACTIVATIONS, Call, Temporal)
        firing = (Temporal,) if spiking(network) else (*RECTIFIERS, Call)
        if not self.own and not any(isinstance(module, firing) for module in network.modules()):
            firing = self.leaves
        self.firing = firing
        self._begin_anew()
        self.answer = self._run(inputs, timesteps)

    def _begin_anew(self) -> None:
        """Nothing seen yet, or no more."""
        self.seen: dict[str, _Seen] = {}
        self.order: list[str] = []
        self.calls = Counter[str]()
        self.ended, self.fired = 0, False
        self.open: list[_Seen] = []

    def _run(self, inputs: Inputs, timesteps: int) -> Tensor | None:
        hooks: list[Any] = []
        for path, module in self.network.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue  # they take no hooks
            if path and (self._is_leaf(module) or any(True for _ in module.children())):
                hooks.append(module.register_forward_pre_hook(self._begin(path)))
                hooks.append(module.register_forward_hook(self._end(path)))
        try:
            outputs, _ = dry_run(self.network, inputs, timesteps, self._begin_anew)
        finally:
            for hook in hooks:
                hook.remove()
        return first(outputs).flatten(0, 1)

    def _is_leaf(self, module: nn.Module) -> bool:
        return isinstance(module, self.leaves) or module in self.own

    def _begin(self, path: str) -> Callable[[nn.Module, Any], None]:
        def note(_module: nn.Module, given: Any) -> None:
            seen = _Seen(self.ended, _pixels(given[0] if given else None))
            self.seen[path] = seen
            self.open.append(seen)

        return note

    def _end(self, path: str) -> Callable[[nn.Module, Any, Any], None]:
        def note(module: nn.Module, _given: Any, returned: Any) -> None:
            seen = self.open.pop()
            if self._is_leaf(module):
                self.ended += 1
                fires = isinstance(module, self.firing) or module in self.own
                self.fired = self.fired or fires
                size = _pixels(returned)
                for block in self.open if size is not None else ():
                    block.inside.append(size)  # type: ignore[arg-type]
            seen.fired, seen.size = self.fired, _pixels(returned)
            if seen.size is not None:
                seen.scores = returned.mean((2, 3))
                seen.memory = StorageWeakRef(returned.untyped_storage())
            self.order.append(path)
            self.calls[path] += 1

        return note

    def stages(self) -> dict[str, str]:
        """Stage -> path."""
        blocks = {
            path: self.seen[path].size
            for path, module in self.network.named_modules()
            if path in self.seen and self._is_block(path, module)
        }
        last: dict[int, str] = {}
        for path in self.order:
            seen = self.seen[path]
            if self.calls[path] > 1 or seen.size is None or not seen.fired:
                continue
            parents = [block for block in blocks if path.startswith(f"{block}.")]
            inside = all(blocks[parent] == seen.size for parent in parents)
            if inside and not self._is_answer(seen) and not self._passes_on(path, last):
                last[seen.size] = path
        return {f"stage{number}": path for number, path in enumerate(last.values(), 1)}

    def _is_block(self, path: str, module: nn.Module) -> bool:
        """Whether a module with parts is one step on the way, and no part of the house around it.

        What begins before any activation holds the start of the network, and what lowers the
        resolution more than once holds several stages.
        """
        seen = self.seen[path]
        if not any(True for _ in module.children()) or isinstance(module, nn.Sequential):
            return False
        if seen.size is None or self.calls[path] > 1 or not seen.began:
            return False
        sizes = [size for size in (seen.given, *seen.inside, seen.size) if size is not None]
        return sum(b < a for a, b in itertools.pairwise(sizes)) < 2

    def _passes_on(self, path: str, last: Mapping[int, str]) -> bool:
        """Whether a house around only returns what a part of it made."""
        seen, module = self.seen[path], self.network.get_submodule(path)
        inner = last.get(seen.size or 0, "")
        if isinstance(module, nn.Sequential) or self._is_block(path, module):
            return False
        if not inner.startswith(f"{path}."):
            return False
        made, left = self.seen[inner].memory, seen.memory
        return made is not None and left is not None and made.cdata == left.cdata

    def _is_answer(self, seen: _Seen) -> bool:
        """Whether a map is class scores that are only averaged to become the outputs."""
        scores, answer = seen.scores, self.answer
        if scores is None or answer is None or scores.shape != answer.shape:
            return False
        return torch.allclose(scores, answer, rtol=1e-4, atol=1e-5)


def _pixels(value: Any) -> int | None:
    """H times W of a map `[N, C, H, W]`."""
    if not isinstance(value, Tensor) or value.ndim != 4:
        return None
    return value.shape[-1] * value.shape[-2]
