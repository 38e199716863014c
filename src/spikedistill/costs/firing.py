"""How often neurons fire, and which never or always do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import torch
from torch import Tensor, nn

from spikedistill.core.clock import Temporal
from spikedistill.core.errors import SpikedistillError
from spikedistill.costs._counting import counted
from spikedistill.costs._padding import kept_rows


@dataclass(frozen=True)
class LayerFiring:
    """What one layer of neurons did over all that was measured."""

    rate: float
    """Spikes per neuron per step."""
    dead: float
    """Share of the neurons that never fired."""
    saturated: float
    """Share of the neurons that fired at every step."""
    dead_channels: float
    """Share of the channels in which no neuron ever fired."""
    neurons: int
    """Neurons of the layer, C * H * W."""


class FiringMeter:
    """Counts the spikes of every layer of neurons while it is open, over any number of batches.

    Example:
        >>> from spikedistill.neurons.lif import LIF
        >>> network = nn.Sequential(LIF(v_threshold=1.0))
        >>> with FiringMeter(network) as meter:
        ...     _ = network(torch.tensor([[0.0, 2.0], [0.0, 2.0]]))
        >>> layer = meter.layers()["0"]
        >>> layer.rate, layer.dead, layer.saturated
        (0.5, 0.5, 0.5)
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self._spikes: dict[str, Tensor] = {}
        self._steps: dict[str, int] = {}
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []
        self.mask: Tensor | None = None
        """Which positions `[B, L]` of the batch that is run next count; None: all."""

    def __enter__(self) -> Self:
        """Start to count."""
        self._spikes, self._steps = {}, {}
        self._hooks = [
            module.register_forward_hook(
                lambda module, _inputs, spikes, path=path: self._count(path, module, spikes)
            )
            for path, module in self.network.named_modules()
            if isinstance(module, Temporal) and module.fires is not None
        ]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop to count; what was counted stays."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _count(self, path: str, neurons: Temporal, spikes: Tensor) -> None:
        spikes = _as_spikes(neurons, kept_rows(spikes, self.mask))
        fired = counted(spikes)  # [T * B, ...] -> [...]
        before = self._spikes.get(path)
        if before is not None and before.shape != fired.shape:
            raise SpikedistillError(
                f"the layer {path!r} has {tuple(fired.shape)} neurons in this batch and had "
                f"{tuple(before.shape)} before; measure inputs of one size at a time"
            )
        self._spikes[path] = fired if before is None else before + fired
        self._steps[path] = self._steps.get(path, 0) + len(spikes)

    def layers(self) -> dict[str, LayerFiring]:
        """Path of each layer of neurons that ran -> what it did."""
        found: dict[str, LayerFiring] = {}
        for path, fired in self._spikes.items():
            steps = self._steps[path]
            channels = fired.flatten(1).sum(1) if fired.dim() > 1 else fired
            found[path] = LayerFiring(
                rate=float(fired.mean()) / steps,
                dead=float((fired == 0).double().mean()),
                saturated=float((fired == steps).double().mean()),
                dead_channels=float((channels == 0).double().mean()),
                neurons=fired.numel(),
            )
        return found

    def mean(self) -> float:
        """Spikes per neuron per step over all neurons of the network."""
        return mean_rate(self.layers())


def _as_spikes(neurons: Temporal, values: Tensor) -> Tensor:
    """How many spikes each value is: itself, where neurons send 0 and 1."""
    assert neurons.fires is not None
    if isinstance(neurons.height, Tensor) or neurons.height != 1.0:
        values = values / neurons.height
    return values if neurons.fires.binary else values.abs()


def mean_rate(layers: Mapping[str, LayerFiring]) -> float:
    """Spikes per neuron per step over all neurons of all layers; 0 for none."""
    neurons = sum(layer.neurons for layer in layers.values())
    return sum(layer.rate * layer.neurons for layer in layers.values()) / max(neurons, 1)


def firing_warnings(
    layers: Mapping[str, LayerFiring], dead: float = 0.95, saturated: float = 0.95
) -> tuple[str, ...]:
    """A sentence for layers that are dead, and one for layers that are saturated.

    Args:
        layers: what `FiringMeter.layers` returned.
        dead: share of neurons that never fired from which a layer counts as dead.
        saturated: firing rate from which a layer counts as saturated.
    """
    silent = [path for path, layer in layers.items() if layer.dead >= dead]
    full = [path for path, layer in layers.items() if layer.rate >= saturated]
    sentences: list[str] = []
    if silent:
        sentences.append(
            f"{_layers(silent)} dead: {100 * min(layers[p].dead for p in silent):.0f} % or more of "
            "the neurons never fired; lower the threshold, or check the norm before them"
        )
    if full:
        sentences.append(
            f"{_layers(full)} saturated: a neuron fires in {100 * saturated:.0f} % or more of the "
            "steps; raise the threshold, or check the norm before them"
        )
    return tuple(sentences)


def _layers(paths: list[str], most: int = 3) -> str:
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    many = len(paths) > 1
    return f"the layer{'s' * many} {', '.join(paths[:most])}{more} {'are' if many else 'is'}"
