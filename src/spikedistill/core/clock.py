"""How time runs through a network: folded into the batch, unfolded only by layers that see it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from torch import Tensor, nn


class Temporal(nn.Module):
    """A layer that sees time. All others get `[T * B, ...]` and never know.

    Whoever runs a network (`run`) tells its temporal layers how many steps there are. A temporal
    layer that is called outside such a run sees one step.
    """

    expandable: ClassVar[bool] = False
    """Whether the layer can stand first and repeat its one step of input, as neurons do."""
    timesteps: int = 1
    """T of the run under way."""
    expands: bool = False
    """Whether the input still is one step that stands for all T (the stem was computed once)."""

    def unfold(self, folded: Tensor) -> Tensor:
        """`[T * B, ...]` as `[T, B, ...]`; `[1, B, ...]` where one step stands for all."""
        if self.expands or self.timesteps == 1:
            return folded.unsqueeze(0)
        return folded.unflatten(0, (self.timesteps, -1))


def temporal_layers(network: nn.Module) -> list[Temporal]:
    """All temporal layers inside a network, in order of registration."""
    return [module for module in network.modules() if isinstance(module, Temporal)]


@contextmanager
def steps(
    network: nn.Module, timesteps: int, expanding: Sequence[Temporal] = ()
) -> Generator[None, None, None]:
    """Tell the temporal layers T for the duration of a call; `expanding` ones repeat their step."""
    tell(network, timesteps, expanding)
    try:
        yield
    finally:
        tell(network, 1)


def tell(network: nn.Module, timesteps: int, expanding: Sequence[Temporal] = ()) -> None:
    """Tell the temporal layers T until they are told otherwise."""
    for layer in temporal_layers(network):
        layer.timesteps = timesteps
        layer.expands = timesteps > 1 and layer in expanding
