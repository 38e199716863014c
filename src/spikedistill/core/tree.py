"""Inputs of any form: one tensor, or several under names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError

Inputs = Tensor | Mapping[str, Tensor]
"""What a network takes: a tensor by position, or a mapping of tensors by keyword."""
CONTIGUOUS = "needs_contiguous"
"""Name of the attribute by which a network says that it takes no channels_last memory."""


def leaves(inputs: Inputs) -> list[Tensor]:
    """The tensors, in the order of their names' appearance."""
    return list(inputs.values()) if isinstance(inputs, Mapping) else [inputs]


def first(inputs: Inputs) -> Tensor:
    """The first tensor: all have the same B, and it stands for them where one is asked."""
    return leaves(inputs)[0]


def mapped(function: Callable[[Tensor], Tensor], inputs: Inputs) -> Inputs:
    """The same form with a function of every tensor.

    Example:
        >>> import torch
        >>> mapped(lambda x: x[None], {"tokens": torch.zeros(2, 5)})["tokens"].shape
        torch.Size([1, 2, 5])
    """
    if isinstance(inputs, Mapping):
        return {name: function(value) for name, value in inputs.items()}
    return function(inputs)


def call(network: nn.Module, inputs: Inputs) -> Any:
    """What a network returns: a tensor is handed over by position, a mapping by keyword.

    A network that does not take images in channels_last memory (`core.layout`) gets them otherwise.

    Raises:
        SpikedistillError: if it does not take inputs of these names.
    """
    if getattr(network, CONTIGUOUS, False):
        inputs = mapped(lambda value: value.clone(memory_format=torch.contiguous_format), inputs)
    if not isinstance(inputs, Mapping):
        return network(inputs)
    try:
        return network(**inputs)
    except TypeError:
        _check_names(network, inputs)
        raise


def _check_names(network: nn.Module, inputs: Mapping[str, Tensor]) -> None:
    """Refuse inputs by name that a network does not take, with both lists."""
    parameters = inspect.signature(network.forward).parameters.values()
    takes = [one.name for one in parameters if one.kind is not one.VAR_KEYWORD]
    needs = [one.name for one in parameters if one.default is one.empty and one.name in takes]
    anything = any(one.kind is one.VAR_KEYWORD for one in parameters)
    if set(needs) <= set(inputs) and (anything or set(inputs) <= set(takes)):
        return
    raise SpikedistillError(
        f"the data give {', '.join(inputs)}, and {type(network).__name__} takes "
        f"{', '.join(takes)}; name the parameters of its forward as the data name its inputs, or "
        "the other way round"
    )
