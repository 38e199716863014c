"""Activations that a user wrote as modules, found by what they return.

A quantised clip with a gradient of its own, or a ReLU from `torch.where`: torch.fx cannot follow
the one, and neither has a name that says what it is. Such a module is tried on a grid of values.
"""

from __future__ import annotations

import torch
from torch import nn

from spikedistill.core.activations import UNARY, calls_activation, is_activation
from spikedistill.core.by_value import judge_module
from spikedistill.core.clock import Temporal
from spikedistill.core.known import unknown, values
from spikedistill.core.own_graph import UntraceableError, own_graphs
from spikedistill.core.probe import Probe
from spikedistill.core.products import ProductLayer

_MOST_PARTS = 8
_NONE = (torch.jit.ScriptModule, Temporal, Probe, ProductLayer)
_CARRIERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def is_builtin(module: nn.Module) -> bool:
    """Whether a module is one of torch's own without parts to look into.

    A class that is derived from one and has a forward of its own is none.
    """
    home = next(cls for cls in type(module).__mro__ if "forward" in vars(cls))
    if not home.__module__.startswith("torch.nn.") or home in (nn.Module, *_CARRIERS):
        return False
    return home is nn.MultiheadAttention or next(module.children(), None) is None


def own_activations(network: nn.Module, kinds: tuple[type[nn.Module], ...]) -> list[nn.Module]:
    """The modules of a user that are rectifiers or quantisers as a whole, the outermost of each.

    Only those are tried that nothing else explains: torch.fx cannot follow them, or they compute
    what is not known.

    Args:
        network: not changed. It is never one itself.
        kinds: what counts as an activation by its class.
    """
    found: list[nn.Module] = []
    inside: set[int] = {id(network)}
    for module in network.modules():
        if id(module) in inside or not _small(module) or not _strange(module, kinds):
            continue
        if judge_module(module) in ("rectifier", "quantiser"):
            found.append(module)
            inside |= {id(part) for part in module.modules()}
    return found


def _small(module: nn.Module) -> bool:
    """Whether a module is the user's own and has no layers inside, so that it may be activation."""
    parts = list(module.modules())
    return (
        len(parts) <= _MOST_PARTS
        and not is_builtin(module)
        and not any(isinstance(part, _CARRIERS) for part in parts[:1])
        and not any(isinstance(part, _NONE) for part in parts)
        and all(isinstance(part, (*UNARY, *_CARRIERS)) for part in parts if is_builtin(part))
    )


def _strange(module: nn.Module, kinds: tuple[type[nn.Module], ...]) -> bool:
    """Whether a module, or a part of it, cannot be followed or does what is not known."""
    if is_builtin(module) or is_activation(module, kinds):
        return False
    if any(_strange(part, kinds) for part in module.children()):
        return True
    if isinstance(module, nn.ModuleList | nn.ModuleDict):
        return False
    try:
        graphs = own_graphs(module)
    except UntraceableError:
        return True
    return any(
        unknown(node, moving) and not calls_activation(node, kinds)
        for graph in graphs
        for moving in [values(graph)]
        for node in graph.nodes
    )
