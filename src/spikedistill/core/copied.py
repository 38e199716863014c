"""A copy of a network, also of one that keeps what it has computed."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast

from torch import Tensor, nn
from torch.nn.utils.weight_norm import WeightNorm

from spikedistill.core.errors import SpikedistillError

Network = TypeVar("Network", bound=nn.Module)


def copied(network: Network, name: str = "network") -> Network:
    """A deep copy.

    torch refuses to copy a tensor that is a result with a gradient, as the weight of a layer under
    the older `weight_norm` or `spectral_norm` is after a call. The copy has its values: whoever
    computed it computes it again at the next call.

    Args:
        network: it is not changed.
        name: how a message calls it.

    Raises:
        SpikedistillError: if something in it cannot be copied, as a lock, an open file, or such
            tensors in a list; the message names it.
    """
    try:
        made = copy.deepcopy(network, _results(network))
    except Exception as error:  # objects of a user's own raise whatever they hold
        raise SpikedistillError(_sentence(network, name, error)) from error
    for parameter in made.parameters():
        if not parameter.is_leaf:  # torch copies those of a script module as results
            learns = parameter.requires_grad
            parameter.detach_().requires_grad_(learns)
    return made


def _results(network: nn.Module) -> dict[int, Any]:
    """What `deepcopy` shall take for the tensors that it refuses."""
    return {
        id(value): value.detach().clone()
        for module in network.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }


def _sentence(network: nn.Module, name: str, error: Exception) -> str:
    begins = f"the {name} ({type(network).__name__}) cannot be copied"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    for place, module, value in _attributes(network):
        try:
            copy.deepcopy(value, _results(network))
        except Exception as own:  # see above
            kind = f"{type(value).__module__}.{type(value).__name__}".removeprefix("builtins.")
            return f"{begins}: of {place} (a {kind}) there is no copy; {_advice(module, own)}"
    return f"{begins}: {lines[0]}"


def _attributes(network: nn.Module) -> Iterator[tuple[str, nn.Module, Any]]:
    """Path, owner and value of everything that the modules of a network keep."""
    for path, module in network.named_modules():
        for name, value in vars(module).items():
            place = f"{path}.{name}" if path else name
            if name in ("_parameters", "_buffers"):
                for key, one in cast("Mapping[str, Any]", value).items():
                    yield f"{path}.{key}".lstrip("."), module, one
            elif name != "_modules":
                yield place, module, value


def _advice(module: nn.Module, error: Exception) -> str:
    if any(isinstance(hook, WeightNorm) for hook in module._forward_pre_hooks.values()):
        return (
            "take the norm off, by torch.nn.utils.remove_weight_norm, or use the newer "
            "torch.nn.utils.parametrizations.weight_norm"
        )
    if isinstance(error, RuntimeError) and "deepcopy protocol" in str(error):
        return (
            "it is a result with its gradient: keep it detached, as value.detach(), or set it to "
            "None before you hand the network over"
        )
    return (
        "make it where it is used, keep it outside of the network, or give the network a "
        "__deepcopy__ of its own"
    )
