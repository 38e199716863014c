"""Synaptic operations: what an inference costs, measured while a network runs.

The convention of the literature (for example Zhou et al., "Spikformer", ICLR 2023, section 4):
a layer with M multiply-adds a step and a share R of non-zero inputs makes R T M accumulations if
its inputs are spikes, and M multiply-adds each time it is computed if they are real numbers. For
linear layers without zero weights R T M is exact; at the padded borders of convolutions it is an
approximation. Neuron updates and folded norms are not counted; neither are attention products,
which are no layers (`spiking_twin` names them).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd  # pyright: ignore[reportPrivateUsage]

from spikedistill.core.clock import temporal_layers
from spikedistill.core.errors import SpikedistillError
from spikedistill.metrics._counting import are_spikes, counted
from spikedistill.metrics.operations import _macs  # pyright: ignore[reportPrivateUsage]


@dataclass(frozen=True)
class LayerOperations:
    """One convolution or linear layer, per inference of one sample."""

    path: str
    macs: float
    """M, multiply-adds of one step."""
    steps: float
    """How often it is computed per inference: T, or 1 where the stem is computed once."""
    rate: float
    """R, the share of non-zero inputs."""
    spiking: bool
    """Whether all its inputs were 0 or 1."""

    @property
    def accumulations(self) -> float:
        """R T M for spiking inputs, else 0."""
        return self.rate * self.steps * self.macs if self.spiking else 0.0

    @property
    def multiplications(self) -> float:
        """T M multiply-adds for real inputs, else 0."""
        return 0.0 if self.spiking else self.steps * self.macs

    @property
    def spikes_per_synapse(self) -> float:
        """R T."""
        return self.rate * self.steps


@dataclass
class _Tally:
    macs: int = 0
    rows: int = 0
    nonzero: int = 0
    inputs: int = 0
    spiking: bool = True


class SynopsMeter:
    """Counts the operations of every layer while it is open, over any number of batches.

    The network is run as always (`Tapped`, or inside `core.clock.steps`) and in evaluation mode.
    Numerators and denominators are summed over all batches before they are divided.

    Example:
        >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> with SynopsMeter(network) as meter:
        ...     _ = network(torch.ones(5, 3))
        >>> meter.accumulations, meter.multiplications        # an ANN only multiplies
        (0.0, 20.0)
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self._tallies: dict[str, _Tally] = {}
        self._samples = 0
        self._spikes = bool(temporal_layers(network))
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> Self:
        """Start to count."""
        self._tallies, self._samples = {}, 0
        self._hooks = [
            module.register_forward_hook(
                lambda module, inputs, output, path=path: self._count(
                    path, module, inputs[0], output
                )
            )
            for path, module in self.network.named_modules()
            if isinstance(module, _ConvNd | nn.Linear)
        ]
        self._hooks.append(self.network.register_forward_hook(self._count_samples))
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

    def _count(self, path: str, layer: nn.Module, inputs: Tensor, output: Tensor) -> None:
        tally = self._tallies.setdefault(path, _Tally())
        tally.macs += _macs(layer, inputs, output)
        tally.rows += len(output)
        tally.inputs += inputs.numel()
        spikes = are_spikes(inputs)
        tally.nonzero += int(counted(inputs).sum() if spikes else torch.count_nonzero(inputs))
        tally.spiking &= self._spikes and spikes

    def _count_samples(self, network: nn.Module, inputs: object, output: Tensor) -> None:
        layers = temporal_layers(network)
        # outputs are [T * B, ...] also where the stem ran on [B, ...]
        self._samples += len(output) // (layers[0].timesteps if layers else 1)

    def layers(self) -> list[LayerOperations]:
        """One row for each layer that ran, in order of execution.

        Raises:
            SpikedistillError: if nothing was run.
        """
        if not self._samples:
            raise SpikedistillError(
                "no synaptic operations were counted; run the network inside the meter's block"
            )
        return [
            LayerOperations(
                path=path,
                macs=tally.macs / tally.rows,
                steps=tally.rows / self._samples,
                rate=tally.nonzero / max(tally.inputs, 1),
                spiking=tally.spiking,
            )
            for path, tally in self._tallies.items()
        ]

    @property
    def accumulations(self) -> float:
        """Accumulations (spike times weight) per inference."""
        return sum(layer.accumulations for layer in self.layers())

    @property
    def multiplications(self) -> float:
        """Multiply-adds per inference."""
        return sum(layer.multiplications for layer in self.layers())
