"""Networks that are not made yet: layers without a size, weights without values."""

from __future__ import annotations

from torch import nn
from torch.nn.parameter import is_lazy

from spikedistill.core.errors import SpikedistillError


def check_made(network: nn.Module) -> None:
    """Refuse lazy layers that have seen no data, and weights that are only planned.

    Raises:
        SpikedistillError: naming the first of them and the remedy.
    """
    state = [*network.named_parameters(), *network.named_buffers()]
    waiting = [name for name, one in state if is_lazy(one)]
    if waiting:
        parameters = sum(is_lazy(one) for one in network.parameters())
        what = f"{parameters or len(waiting)} {'parameters' if parameters else 'buffers'}"
        raise SpikedistillError(
            f"{type(network).__name__} has {what} without a size (the first: {waiting[0]!r}), "
            "because its lazy layers have seen no data; call it once on a batch, as "
            "network(images[:2]), and make its twin after that"
        )
    planned = [name for name, one in state if one.is_meta]
    if planned:
        raise SpikedistillError(
            f"{type(network).__name__} has {len(planned)} weights without values, on the device "
            f"'meta' (the first: {planned[0]!r}); make room for them by "
            "network.to_empty(device='cpu'), and load its weights"
        )
