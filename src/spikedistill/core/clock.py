"""How time runs through a network: folded into the batch, unfolded only by layers that see it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.autograd import Variable

from spikedistill.core.choices import ChoicesChecked
from spikedistill.core.errors import SpikedistillError


@dataclass(frozen=True)
class Alphabet:
    """What neurons send: the whole numbers from `low` to `high`, times a height.

    Whoever receives them adds a weight for each unit, so an integer n costs n accumulations
    whatever the height is.
    """

    low: int = 0
    high: int = 1

    @property
    def binary(self) -> bool:
        """Whether it is spikes or silence."""
        return (self.low, self.high) == (0, 1)


SPIKES = Alphabet()
"""0 and 1."""


class Temporal(ChoicesChecked, nn.Module):
    """A layer that sees time. All others get `[T * B, ...]` and never know.

    Whoever runs a network (`run`) tells its temporal layers how many steps there are. A temporal
    layer that is called outside such a run sees one step. It states three things: what it sends,
    if it is a layer of neurons (`fires`); whether it looks ahead (`causal`); and for which T it can
    be run (`longest`, `exactly`).
    """

    fires: Alphabet | None = None
    """What it sends, where it is a layer of neurons; None: it is none."""
    height: float | Tensor = 1.0
    """The size of one spike: what it sends are the whole numbers of its alphabet, times this."""
    causal: bool = True
    """Whether the first T' steps of a long run are the run of T' steps."""
    longest: int | None = None
    """The most steps that it can be run for, as where it has parameters for each; None: any."""
    exactly: int | None = None
    """The only number of steps that it can be run for; None: any up to `longest`."""

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
    """All layers inside a network that see time, in order of registration."""
    return [module for module in network.modules() if isinstance(module, Temporal)]


def firing_layers(network: nn.Module) -> list[Temporal]:
    """All layers of neurons inside a network, in order of registration."""
    return [layer for layer in temporal_layers(network) if layer.fires is not None]


def spiking(network: nn.Module) -> bool:
    """Whether a network has neurons."""
    return bool(firing_layers(network))


def is_causal(network: nn.Module) -> bool:
    """Whether the first T' steps of a run of T steps are the run of T' steps."""
    return all(layer.causal for layer in temporal_layers(network))


def steps_allowed(network: nn.Module, timesteps: int) -> bool:
    """Whether every layer can be run for so many steps."""
    return _unable(network, timesteps) is None


def check_steps(network: nn.Module, timesteps: int) -> None:
    """Refuse a number of steps that a layer cannot be run for.

    Raises:
        SpikedistillError: naming the layer and what it was made for.
    """
    layer = _unable(network, timesteps)
    if layer is None:
        return
    path = next(path for path, module in network.named_modules() if module is layer)
    only = f"exactly {layer.exactly}" if layer.exactly else f"up to {layer.longest}"
    raise SpikedistillError(
        f"{path or 'the network'} ({type(layer).__name__}) was made for {only} time steps and is "
        f"asked for {timesteps}; run it for {layer.exactly or layer.longest}, or make the network "
        f"for {timesteps}"
    )


def _unable(network: nn.Module, timesteps: int) -> Temporal | None:
    for layer in temporal_layers(network):
        most = layer.exactly or layer.longest
        if most is not None and (timesteps > most or (layer.exactly and timesteps < most)):
            return layer
    return None


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


def told_in_backward(
    network: nn.Module, timesteps: int, expanding: Sequence[Temporal], values: Iterable[Tensor]
) -> None:
    """Tell the temporal layers T again as soon as a gradient reaches what a run has returned.

    A network may run its blocks a second time in the backward pass (`torch.utils.checkpoint`), when
    the run itself is long over. At the end of the backward pass they see one step again.

    Args:
        network: what was run.
        timesteps: T of that run.
        expanding: the layers that repeated their one step.
        values: outputs and taps; the first of them that a gradient reaches is enough.
    """
    if timesteps == 1:
        return

    def tell_again(_gradient: Tensor) -> None:
        tell(network, timesteps, expanding)
        Variable._execution_engine.queue_callback(lambda: tell(network, 1))

    for value in values:
        if value.requires_grad:
            value.register_hook(tell_again)
