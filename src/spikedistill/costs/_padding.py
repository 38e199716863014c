"""Values without those that stand at padded positions."""

from __future__ import annotations

from torch import Tensor


def kept_rows(value: Tensor, mask: Tensor | None, axis: int | None = None) -> Tensor:
    """The values at the positions that count, one row for each; all where there is no mask.

    Args:
        value: `[N, L, ...]` or `[N, C, L]`, N a multiple of B; of another shape it is returned as
            it is.
        mask: `[B, L]`.
        axis: which axis is L; None: the second, or else the third, whichever has the size.
    """
    if mask is None:
        return value
    if axis is None:
        signal = value.ndim == 3 and value.shape[1] != mask.shape[1]
        axis = 2 if signal else 1
    if value.ndim <= axis or value.shape[axis] != mask.shape[1]:
        return value
    rows = value.movedim(axis, 1)
    keep = mask.bool().to(value.device).repeat(len(rows) // len(mask), 1)
    return rows[keep] if len(keep) == len(rows) else value
