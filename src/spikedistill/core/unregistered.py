"""Modules that a network keeps where torch does not look: in lists, tuples and dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import nn

_DEPTH = 3
"""Containers inside of containers."""


def unregistered(network: nn.Module) -> dict[str, nn.Module]:
    """Place (`blocks[0]`, `parts['stem']`) -> module that is in no `modules()` of the network.

    What is registered as well, under whatever name, is none.

    Example:
        >>> net = nn.Module()
        >>> net.blocks = [nn.Linear(2, 3)]
        >>> unregistered(net)
        {'blocks[0]': Linear(in_features=2, out_features=3, bias=True)}
    """
    known = {id(module) for module in network.modules()}
    found: dict[str, nn.Module] = {}
    for path, module in network.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            continue  # what it keeps beside is itself once more
        for name, value in vars(module).items():
            if name != "_modules":
                place = f"{path}.{name}" if path else name
                for where, inside in _within(value, place, _DEPTH):
                    if id(inside) not in known:
                        found.setdefault(where, inside)
    return found


def _within(value: Any, place: str, depth: int) -> Iterator[tuple[str, nn.Module]]:
    """The modules inside of containers of Python."""
    if isinstance(value, nn.Module):
        yield place, value
    elif depth and isinstance(value, list | tuple):
        for number, one in enumerate(cast("list[Any]", value)):
            yield from _within(one, f"{place}[{number}]", depth - 1)
    elif depth and isinstance(value, Mapping):
        for key, one in cast("Mapping[Any, Any]", value).items():
            yield from _within(one, f"{place}[{key!r}]", depth - 1)


@contextmanager
def calls(modules: Mapping[str, nn.Module]) -> Generator[list[str], None, None]:
    """The names of those modules that are called inside the block, filled while it runs."""
    called: list[str] = []

    def note(name: str) -> Callable[[nn.Module, object], None]:
        return lambda _module, _given: called.append(name)

    hooks = [
        module.register_forward_pre_hook(note(name))
        for name, module in modules.items()
        if not isinstance(module, torch.jit.ScriptModule)  # they take no hooks
    ]
    try:
        yield called
    finally:
        for hook in hooks:
            hook.remove()


def replace_unregistered(network: nn.Module, new: Mapping[int, nn.Module]) -> None:
    """Put modules in the place of others where a network keeps them in containers, in place.

    Args:
        network: changed in place; what is registered stays.
        new: `id` of a module -> what stands in its place.
    """
    for module in network.modules():
        for name, value in list(vars(module).items()):
            if name != "_modules" and isinstance(value, list | tuple | dict):
                vars(module)[name] = _replaced(cast("Any", value), new, _DEPTH)


def _replaced(value: Any, new: Mapping[int, nn.Module], depth: int) -> Any:
    """A container with other modules inside; itself where there is nothing to replace."""
    if isinstance(value, nn.Module):
        return new.get(id(value), value)
    if not depth:
        return value
    if isinstance(value, dict):
        found: Any = {key: _replaced(one, new, depth - 1) for key, one in value.items()}
        same = all(found[key] is value[key] for key in found)
    elif type(value) in (list, tuple):
        found = type(value)(_replaced(one, new, depth - 1) for one in value)
        same = all(a is b for a, b in zip(found, value, strict=True))
    else:
        return value
    return value if same else found
