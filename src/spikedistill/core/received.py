"""A network of a user's own at the door: what every function that takes one does first."""

from __future__ import annotations

import logging

from torch import nn

from spikedistill.core.copied import copied
from spikedistill.core.made import check_made
from spikedistill.core.unwrapped import unwrapped

log = logging.getLogger("spikedistill")


def received(network: nn.Module, name: str = "network") -> nn.Module:
    """A copy of the network proper: out of its wrappers, which is said.

    Args:
        network: it is not changed.
        name: how messages call it.

    Raises:
        SpikedistillError: if it is not made yet or cannot be copied.
    """
    inside = unwrapped(network)
    if inside is not network:
        log.warning(
            "the %s comes as %s; the %s inside of it is taken",
            name, type(network).__name__, type(inside).__name__,
        )  # fmt: skip
    check_made(inside)
    return copied(inside, name)
