"""What a role that does not learn answered to each sample, kept so that it is asked only once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.memory import available, say_bytes

SHARE = 0.5
"""The share of the available memory that one record may take."""

Values = dict[str, Tensor]
"""Name -> `[T, B, ...]`."""


class Record:
    """The values of one role by sample, in memory on the device where they were computed.

    A batch of which all samples are known is answered from memory, any other by the network.

    Args:
        role: its name, for messages.
        samples: how many there are; the index of a sample lies below.
    """

    def __init__(self, role: str, samples: int) -> None:
        self.role, self.samples = role, samples
        self.kept: dict[str, Tensor] = {}
        """Name -> `[samples, ...]` in the order of memory."""
        self._orders: dict[str, tuple[int, ...]] = {}
        self._known = torch.zeros(samples, dtype=torch.bool)
        self._all_known = False

    def answer(self, index: Tensor, ask: Callable[[], Values]) -> Values:
        """The values for the samples at `index` `[B]`, by asking or from memory.

        Raises:
            SpikedistillError: if the record would take more than `SHARE` of the available memory.
        """
        if self._all_known or bool(self._known[index.cpu()].all()):
            return self._recall(index)
        values = ask()
        if not self.kept:
            self._make_room(values)
        self._keep(index, values)
        return values

    def _make_room(self, values: Mapping[str, Tensor]) -> None:
        device = next(iter(values.values())).device
        sizes = {name: value.numel() // value.shape[1] for name, value in values.items()}
        each = sum(sizes[name] * value.element_size() for name, value in values.items())
        budget = int(available(device) * SHARE)
        if each * self.samples > budget:
            raise SpikedistillError(
                f"the record of the role {self.role!r} would take "
                f"{say_bytes(each * self.samples)} ({self.samples} samples of {say_bytes(each)}), "
                f"more than {say_bytes(budget)}, {SHARE:.0%} of the memory that is available; set "
                "record: false for it, or let the losses watch fewer or smaller layers of it"
            )
        for name, value in values.items():
            rest = sorted(range(2, value.dim()), key=lambda axis: -value.stride(axis))
            self._orders[name] = (1, 0, *rest)
            shape = (self.samples, *value.permute(self._orders[name]).shape[1:])
            self.kept[name] = torch.empty(shape, dtype=value.dtype, device=device)

    def _keep(self, index: Tensor, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            kept = self.kept[name]
            kept[index.to(kept.device)] = value.detach().permute(self._orders[name]).to(kept.dtype)
        self._known[index.cpu()] = True
        self._all_known = bool(self._known.all())

    def _recall(self, index: Tensor) -> Values:
        found: Values = {}
        for name, kept in self.kept.items():
            order = self._orders[name]
            back = [order.index(axis) for axis in range(len(order))]
            found[name] = kept[index.to(kept.device)].permute(back)
        return found
