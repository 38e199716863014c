"""What is computed in float32 even where the networks run in half precision."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def at_least_float32(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The values in float32; float64 stays float64.

    Example:
        >>> at_least_float32(torch.ones(1, dtype=torch.bfloat16)).dtype
        torch.float32
        >>> at_least_float32(torch.ones(1, dtype=torch.float64)).dtype
        torch.float64
    """
    return values.to(torch.promote_types(values.dtype, torch.float32))
