"""Whether the numbers of some inputs are numbers."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from spikedistill.core.tree import Inputs, leaves


def finite(value: Tensor, named: bool = False) -> bool:
    """Whether a tensor holds neither NaN nor, unless it is one of several by name, infinity.

    One of several inputs may be a mask that is added to scores, with minus infinity in it.
    """
    if not value.is_floating_point():
        return True
    return not bool(value.isnan().any()) if named else bool(value.isfinite().all())


def first_broken(inputs: Inputs) -> int | None:
    """The position of the first sample of a batch `[B, ...]` that is not finite; None: all are.

    Example:
        >>> import torch
        >>> first_broken(torch.tensor([[1.0, 2.0], [torch.nan, 0.0]]))
        1
    """
    named = isinstance(inputs, Mapping)
    for value in leaves(inputs):
        if not finite(value, named):
            return next(place for place, row in enumerate(value) if not finite(row, named))
    return None
