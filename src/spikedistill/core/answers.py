"""What a network answers, in whatever form its forward returns it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.tree import Inputs

LOGITS = "logits"
"""Where one of several outputs has this name, it is the answer."""


def answer_of(returned: Any, network: str = "the network") -> tuple[Inputs, str]:
    """The outputs that count, and in words which of all they are.

    A tensor is the answer. Of an object with `.logits`, or a mapping with the key `logits`, that
    is; of a tuple or list, the first. Any other mapping of tensors is several outputs by name.

    Args:
        returned: what the forward of a network returned.
        network: how a message calls it.

    Returns:
        A tensor or a mapping of tensors, and words such as "the first of 2 outputs"; no words
        where there is nothing to choose.

    Raises:
        SpikedistillError: if it is not clear which of the outputs are the logits.

    Example:
        >>> import torch
        >>> answer_of((torch.zeros(2, 10), {"features": []}))[1]
        'the first of 2 outputs'
    """
    if isinstance(returned, Tensor):
        return returned, ""
    if isinstance(returned, Mapping):
        named = cast("Mapping[str, Any]", returned)
        if isinstance(named.get(LOGITS), Tensor):
            return named[LOGITS], _chosen(f"{LOGITS!r}", list(named))
        if named and all(isinstance(value, Tensor) for value in named.values()):
            return named, ""
    elif isinstance(getattr(returned, LOGITS, None), Tensor):
        return getattr(returned, LOGITS), f".{LOGITS} of its {type(returned).__name__}"
    elif isinstance(returned, tuple | list):
        several = list(cast("Any", returned))
        if several and isinstance(several[0], Tensor):
            return several[0], f"the first of {len(several)} outputs"
    raise SpikedistillError(
        f"{network} returns {_kind(returned)}, of which it is not clear what the logits are; let "
        f"it return them alone, first of a tuple, or under the name {LOGITS!r}"
    )


def _chosen(what: str, names: list[str]) -> str:
    others = ", ".join(str(name) for name in names if name != LOGITS)
    return f"the output {what} (beside {others})" if others else ""


def _kind(returned: Any) -> str:
    name = type(returned).__name__
    if isinstance(returned, Mapping):
        named = cast("Mapping[str, Any]", returned)
        inside = ", ".join(f"{key} ({type(value).__name__})" for key, value in named.items())
        return f"a mapping with {inside or 'nothing'}"
    if isinstance(returned, tuple | list):
        several = list(cast("Any", returned))
        inside = ", ".join(type(value).__name__ for value in several)
        return f"a {name} of {inside or 'nothing'}"
    return f"a {name}"
