"""A copy of a network, also of one that keeps what it has computed."""

from __future__ import annotations

import copy
from typing import TypeVar, cast

from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def copied(network: Network) -> Network:
    """A deep copy.

    torch refuses to copy a tensor that is a result with a gradient, as the weight of a layer under
    the older `weight_norm` or `spectral_norm` is after a call. The copy has its values: whoever
    computed it computes it again at the next call.

    Raises:
        RuntimeError: if such tensors are kept elsewhere, as in a list.
    """
    memo: dict[int, object] = {}
    for module in network.modules():
        for value in cast("dict[str, object]", vars(module)).values():
            if isinstance(value, Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
    return copy.deepcopy(network, memo)
