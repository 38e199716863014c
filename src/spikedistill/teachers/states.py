"""The sets of weights in what a file holds, however deep, and which of them fit a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

CUSTOMARY = ("state_dict", "model_state_dict", "model", "net", "network", "module", "weights",
             "params")  # fmt: skip
"""Under which of these names training scripts keep the weights in a checkpoint; first is best."""
_WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Put into the names, at any depth, by torch's compiler and by sharded training."""
_DEEPEST = 5
_MOST = 10_000
"""Mappings that are looked at: one that holds itself would never end."""


@dataclass(frozen=True, eq=False)
class State:
    """A mapping of names to tensors, and where in the file it is."""

    label: str
    """The keys that lead to it, with dots between; "" at the top."""
    tensors: dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Group(State):
    """The entries of a state below one prefix, by the names that a network has for them.

    The prefix is part of the label.
    """

    wanted: int
    """How many entries the network has."""
    beside: tuple[str, ...]
    """Entries of the state that belong to no set that fits."""
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    other: tuple[str, ...]
    """Entries of another shape, with both shapes."""

    @property
    def fits(self) -> bool:
        """Whether the network can take it."""
        return not (self.missing or self.unexpected or self.other)

    @property
    def distance(self) -> tuple[int, int]:
        """How far it is from fitting: entries that are missing, and those that are too many."""
        return len(self.missing), len(self.unexpected) + len(self.other)


def find_states(held: Any) -> list[State]:
    """All mappings whose values are mostly tensors, the most customary place first.

    What optimizers keep is left out.
    """
    found: list[State] = []
    looked_at = 0

    def look(value: Any, path: tuple[str, ...]) -> None:
        nonlocal looked_at
        looked_at += 1
        if not isinstance(value, Mapping) or len(path) > _DEEPEST or looked_at > _MOST:
            return
        tensors = {str(key): one for key, one in value.items() if isinstance(one, Tensor)}
        if len(tensors) > len(value) / 2:
            found.append(State(".".join(path), tensors))
        for key, one in value.items():
            if isinstance(key, str) and isinstance(one, Mapping) and not key.startswith("optim"):
                look(one, (*path, key))

    look(held, ())
    return sorted(found, key=lambda state: rank(state.label))


def rank(label: str) -> tuple[int, tuple[int, ...]]:
    """Orders the places in a file: how many keys are not customary, and which the others are.

    Example:
        >>> rank("model"), rank("ema.model"), rank("")
        ((0, (2,)), (1, (2,)), (0, ()))
    """
    parts = [part for part in label.split(".") if part]
    known = tuple(CUSTOMARY.index(part) for part in parts if part in CUSTOMARY)
    return len(parts) - len(known), known


def bare(name: str) -> str:
    """A name without what compilers and sharded training put into it.

    Example:
        >>> bare("layer1._orig_mod.0.weight")
        'layer1.0.weight'
    """
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def groups(states: Iterable[State], network: nn.Module) -> list[Group]:
    """Every set of entries that a network could take or nearly could, the customary place first."""
    held = network.state_dict()
    own = {bare(name): name for name in held}
    while own and all(name.startswith("module.") for name in own):
        own = {name.removeprefix("module."): full for name, full in own.items()}
    wanted = {name: held[full] for name, full in own.items()}
    found = [
        replace(one, tensors={own.get(name, name): value for name, value in one.tensors.items()})
        for state in states
        for one in _below(state, wanted)
    ]
    return sorted(found, key=lambda one: rank(one.label))


def _below(state: State, wanted: Mapping[str, Any]) -> list[Group]:
    """The groups of one state, one for each prefix below which a name of the network is."""
    tensors = {bare(name): value for name, value in state.tensors.items()}
    counts = Counter(
        name[:start]
        for name in tensors
        for start in (0, *(at + 1 for at, sign in enumerate(name) if sign == "."))
        if name[start:] in wanted
    )
    found: dict[str, Group] = {}
    for prefix in sorted(counts or [""], key=len, reverse=True):
        deeper = tuple(other for other, one in found.items() if one.fits)
        found[prefix] = _group(state.label, tensors, prefix, wanted, deeper)
    fitting = tuple(prefix for prefix, one in found.items() if one.fits)
    return [
        replace(one, beside=tuple(n for n in one.beside if not n.startswith(fitting)))
        for one in found.values()
    ]


def _group(
    key: str,
    tensors: Mapping[str, Tensor],
    prefix: str,
    wanted: Mapping[str, Any],
    deeper: tuple[str, ...],
) -> Group:
    mine = {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
        and (name.removeprefix(prefix) in wanted or not name.startswith(deeper))
    }
    beside = [name for name in tensors if not name.startswith(prefix)]
    missing = [
        name for name in wanted if name not in mine and not name.endswith("num_batches_tracked")
    ]
    other = [
        f"{name} is {_shape(value)} and should be {_shape(wanted[name])}"
        for name, value in mine.items()
        if name in wanted and value.shape != getattr(wanted[name], "shape", None)
    ]
    return Group(
        ".".join(filter(None, (key, prefix.removesuffix(".")))),
        mine,
        len(wanted),
        tuple(name for name in beside if name != "n_averaged"),
        tuple(missing),
        tuple(name for name in mine if name not in wanted),
        tuple(other),
    )


def _shape(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"no tensor but a {type(value).__name__}"
    return "x".join(map(str, value.shape)) or "a number"


def different(fitting: Sequence[Group]) -> list[Group]:
    """Those that hold other numbers than any before them."""
    found: list[Group] = []
    for one in fitting:
        if not any(_equal(one.tensors, other.tensors) for other in found):
            found.append(one)
    return found


def _equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        one[key].dtype == other[key].dtype and torch.equal(one[key], other[key]) for key in one
    )


def at_key(labels: Iterable[str], key: str) -> set[str]:
    """Those of some labels that are at a key or below it."""
    return {label for label in labels if f"{label}.".startswith(f"{key}.")}
