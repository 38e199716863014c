"""Synaptic operations: what an inference costs, measured while a network runs.

The convention of the literature (for example Zhou et al., "Spikformer", ICLR 2023, section 4):
a layer with M multiply-adds a step and a share R of non-zero inputs makes R T M accumulations if
its inputs are spikes, and M multiply-adds each time it is computed if they are real numbers. For
linear layers without zero weights R T M is exact; at the padded borders of convolutions it is an
approximation. Neuron updates stand apart, beside the layer that they follow. Folded norms are not
counted. Convolutions and products that a forward calls as functions are (`costs.functional`): of
two activations, spikes accumulate what they meet, and real numbers multiply. What all this costs
in picojoules, `costs.energy` says.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

from spikedistill.core.answers import answer_of
from spikedistill.core.clock import Temporal, spiking, temporal_layers
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.tree import first
from spikedistill.costs._codes import Code, Codes
from spikedistill.costs._padding import kept_rows
from spikedistill.costs.functional import Product, Watch
from spikedistill.costs.operations import by_weight, counted, multiplies, stated


@dataclass(frozen=True)
class NeuronUpdates:
    """What one layer of neurons has to do, per inference of one sample."""

    path: str
    neurons: float
    """N, neurons of the layer."""
    steps: float
    """How often each is updated: T."""
    leaks: bool
    """Whether an update multiplies; a neuron that only adds up (IF) does not."""

    @property
    def count(self) -> float:
        """T N."""
        return self.steps * self.neurons


@dataclass(frozen=True)
class LayerOperations:
    """One convolution, linear layer or other product, per inference of one sample."""

    path: str
    """Of the layer; `path: function` for what a forward computes by a function."""
    macs: float
    """M, multiply-adds of one step, in all calls of the layer."""
    steps: float
    """How often it is computed per inference: T, or 1 where the stem is computed once."""
    rate: float
    """R, the share of non-zero inputs; of integers the mean."""
    spiking: bool
    """Whether it only accumulates: all its inputs were 0 or 1, in a network with neurons."""
    binary: float = 1.0
    """Share of the inputs that were 0 or 1."""
    counts: bool = True
    """Whether all its inputs were whole numbers from 0 on, as in frames of events."""
    stem: bool = False
    """Whether no neuron runs before it; without neurons, whether it is the first layer."""
    weights: int = 0
    """W, without biases; 0 for a product of two activations."""
    inputs: float = 0.0
    """X, inputs of one step."""
    outputs: float = 0.0
    """N, outputs of one step."""
    updates: tuple[NeuronUpdates, ...] = ()
    """The neurons for which it is the last layer that runs before them."""
    told: tuple[float, float] | None = None
    """Multiply-adds and accumulations of an inference, where the layer itself says them."""

    @property
    def accumulations(self) -> float:
        """R T M for spiking inputs, else 0."""
        if self.told is not None:
            return self.told[1]
        return self.rate * self.steps * self.macs if self.spiking else 0.0

    @property
    def multiplications(self) -> float:
        """T M multiply-adds for real inputs, else 0."""
        if self.told is not None:
            return self.told[0]
        return 0.0 if self.spiking else self.steps * self.macs

    @property
    def spikes_per_synapse(self) -> float:
        """R T."""
        return self.rate * self.steps

    @property
    def neuron_updates(self) -> float:
        """T N of the neurons that follow."""
        return sum(update.count for update in self.updates)


@dataclass
class _Tally:
    weights: int
    calls: int = 0
    macs: int = 0
    rows: int = 0
    nonzero: int = 0
    inputs: int = 0
    outputs: int = 0
    binary: int = 0
    spiking: bool = True
    counts: bool = True
    stem: bool = True
    neurons: list[str] = field(default_factory=list)

    told: list[int] = field(default_factory=lambda: [0, 0])
    tells: bool = False

    def add(
        self, macs: int, rows: int, inputs: Tensor, output: Tensor, codes: Codes | None
    ) -> None:
        """Add a call; without a code whatever arrives is multiplied."""
        self.calls += 1
        self.macs += macs
        self.rows += rows
        self.inputs += inputs.numel()
        self.outputs += output.numel()
        units = None if codes is None else codes.units(inputs)
        if units is not None:
            self.nonzero += units
            self.binary += inputs.numel()
            return
        self.spiking = False
        self.nonzero += int(torch.count_nonzero(inputs))
        self.binary += inputs.numel() - int(torch.count_nonzero(inputs - inputs.square()))
        self.counts = self.counts and torch.equal(inputs, inputs.floor().clamp(min=0))


@dataclass
class _Neurons:
    leaks: bool
    rows: int = 0
    updates: int = 0


class SynopsMeter:
    """Counts the operations of every layer while it is open, over any number of batches.

    The network is run as always (`Tapped`, or inside `core.clock.steps`) and in evaluation mode.
    Numerators and denominators are summed over all batches before they are divided.

    Args:
        network: with neurons or without.
        timesteps: steps folded into the batch of a network without neurons, as of an ANN that
            runs on every frame of an event recording; neurons know their own.

    Example:
        >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> with SynopsMeter(network) as meter:
        ...     _ = network(torch.ones(5, 3))
        >>> meter.accumulations, meter.multiplications        # an ANN only multiplies
        (0.0, 20.0)
    """

    def __init__(self, network: nn.Module, timesteps: int = 1) -> None:
        self.network, self.timesteps = network, timesteps
        self._tallies: dict[str, _Tally] = {}
        self._neurons: dict[str, _Neurons] = {}
        self._samples, self._passes = 0, 0
        self._last: str | None = None
        self._fired = False
        self._codes = Codes()
        self._spikes = spiking(network)
        self.mask: Tensor | None = None
        """Which positions `[B, L]` of the batch that is run next count; None: all."""
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []
        self._rows = 0
        self._watch = Watch(network, counted, self._count_product)

    def __enter__(self) -> Self:
        """Start to count."""
        self._tallies, self._neurons = {}, {}
        self._samples, self._passes = 0, 0
        scripted = isinstance(
            self.network, torch.jit.ScriptModule
        )  # they take no hooks of their own
        self._hooks = [
            register_module_forward_pre_hook(self._start_script)
            if scripted
            else self.network.register_forward_pre_hook(self._start, with_kwargs=True)
        ]
        for path, module in self.network.named_modules():
            count = None
            if multiplies(module):
                count = self._count
            elif isinstance(module, Temporal) and module.fires is not None:
                count = self._count_updates
            if count is not None:
                hook = functools.partial(count, path)
                self._hooks.append(module.register_forward_hook(hook))
        self._hooks.append(
            register_module_forward_hook(self._count_samples)
            if scripted
            else self.network.register_forward_hook(self._count_samples)
        )
        self._watch.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop to count; what was counted stays."""
        self._watch.__exit__(kind, error, trace)
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _start(self, network: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._passes += 1
        self._rows = next((len(x) for x in (*args, *named.values()) if isinstance(x, Tensor)), 0)
        self._last, self._fired, self._codes = None, False, Codes()

    def _start_script(self, network: nn.Module, args: tuple[Any, ...]) -> None:
        if network is self.network:
            self._start(network, args, {})

    def _count(
        self, path: str, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor
    ) -> None:
        if path not in self._tallies:
            weight = getattr(layer, "weight", None)
            self._tallies[path] = _Tally(weight.numel() if isinstance(weight, Tensor) else 0)
        tally = self._tallies[path]
        axis = 2 if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d) else 1
        x, y = (kept_rows(value, self.mask, axis) for value in (inputs[0], output))
        told = stated(layer, inputs, output)
        if told is not None:
            tally.tells = True
            tally.told[0] += told.products
            tally.told[1] += told.accumulations
        made = by_weight(layer, x, y) if told is None else sum(told)
        tally.add(made, len(output), x, y, self._codes)
        tally.stem = tally.stem and not self._fired
        self._last = path
        self._fired = self._fired or not self._spikes

    def _count_product(self, product: Product) -> None:
        """Count a function; its rows are those of the neurons that ran last, or of the input."""
        tally = self._tallies.setdefault(product.path, _Tally(product.weights))
        x, y, macs = product.arriving, product.output, product.macs
        if product.other is None:
            axis = 2 if ": conv1d" in product.path else None
            x, y = kept_rows(x, self.mask, axis), kept_rows(y, self.mask, axis)
            macs = macs * y.numel() // max(product.output.numel(), 1)
        elif not product.real:
            x = self._spikier(x, product.other)
        tally.add(macs, self._rows, x, y, None if product.real else self._codes)
        tally.stem = tally.stem and not self._fired
        self._last = product.path
        self._fired = self._fired or not self._spikes

    def _spikier(self, one: Tensor, other: Tensor) -> Tensor:
        """Of two operands the one that is spikes; where both are, that of fewer."""
        units = [self._codes.units(value) for value in (one, other)]
        if units[0] is None or units[1] is None:
            return one if units[1] is None else other
        return one if units[0] * other.numel() <= units[1] * one.numel() else other

    def _count_updates(self, path: str, neuron: nn.Module, inputs: object, spikes: Tensor) -> None:
        self._fired = True
        if path not in self._neurons:
            self._neurons[path] = _Neurons(_leaks(neuron))
            if self._last is not None:
                self._tallies[self._last].neurons.append(path)
        seen = self._neurons[path]
        assert isinstance(neuron, Temporal) and neuron.fires is not None
        self._codes.add(Code(neuron.fires, neuron.height))
        seen.rows += len(spikes)
        self._rows = len(spikes)
        seen.updates += kept_rows(spikes, self.mask).numel()

    def _count_samples(self, network: nn.Module, inputs: object, output: Any) -> None:
        if network is not self.network:
            return
        answer, _ = answer_of(output, network)
        layers = temporal_layers(network)
        # outputs are [T * B, ...] also where the stem ran on [B, ...]
        self._samples += len(first(answer)) // (layers[0].timesteps if layers else self.timesteps)

    def layers(self) -> list[LayerOperations]:
        """One row for each layer that ran, in order of execution.

        Neurons that run before all layers stand with the first.

        Raises:
            SpikedistillError: if nothing was run.
        """
        if not self._samples:
            raise SpikedistillError(
                "no synaptic operations were counted; run the network inside the meter's block"
            )
        after = {path: list(tally.neurons) for path, tally in self._tallies.items()}
        placed = {name for names in after.values() for name in names}
        if after:
            first = next(iter(after))
            after[first] = [name for name in self._neurons if name not in placed] + after[first]
        return [
            LayerOperations(
                path=path,
                macs=tally.macs / tally.rows * (tally.calls / self._passes),
                steps=tally.rows / self._samples / (tally.calls / self._passes),
                rate=tally.nonzero / max(tally.inputs, 1),
                spiking=tally.spiking and self._spikes,
                binary=tally.binary / max(tally.inputs, 1),
                counts=tally.counts,
                stem=tally.stem,
                weights=tally.weights,
                inputs=tally.inputs / tally.rows,
                outputs=tally.outputs / tally.rows,
                updates=tuple(self._updates(name) for name in after[path]),
                told=(tally.told[0] / self._samples, tally.told[1] / self._samples)
                if tally.tells
                else None,
            )
            for path, tally in self._tallies.items()
        ]

    def _updates(self, path: str) -> NeuronUpdates:
        seen = self._neurons[path]
        return NeuronUpdates(path, seen.updates / seen.rows, seen.rows / self._samples, seen.leaks)

    @property
    def accumulations(self) -> float:
        """Accumulations (spike times weight) per inference."""
        return sum(layer.accumulations for layer in self.layers())

    @property
    def multiplications(self) -> float:
        """Multiply-adds per inference."""
        return sum(layer.multiplications for layer in self.layers())


def _leaks(neuron: nn.Module) -> bool:
    """Whether an update multiplies: a neuron says so, as IF and LIF that keeps everything do."""
    return bool(getattr(neuron, "leaks", True))
