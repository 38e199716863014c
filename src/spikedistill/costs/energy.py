"""What an inference costs in picojoules, from the operations that `SynopsMeter` counted.

The convention of the literature: an accumulation for each spike that arrives at a weight, a
multiply-add where the input is a real number, and a price for each (45 nm, float32: 0.9 and
4.6 pJ; Horowitz, ISSCC 2014). Beside it two stricter models: the quantised network that carries
as many bits as T steps of spikes, and a model that also pays for memory. Only figures of one model
can be compared with each other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.reference import Reference
from spikedistill.core.row import Row
from spikedistill.costs.synops import LayerOperations

REFERENCE = Reference(
    key="horowitz2014computing",
    title="Computing's energy problem (and what we can do about it)",
    authors=("Mark Horowitz",),
    venue="ISSCC",
    year=2014,
    link="https://doi.org/10.1109/ISSCC.2014.6757323",
    kind="conference",
)


@dataclass(frozen=True)
class Preset:
    """The price of one operation."""

    name: str
    mac_pj: float
    """Picojoules of a multiply-add."""
    ac_pj: float
    """Picojoules of an accumulation."""
    about: str


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("45nm", 4.6, 0.9, "float32 at 45 nm, the usual convention"),
        Preset("fp16", 1.5, 0.4, "float16 at 45 nm"),
        Preset("int8", 0.23, 0.03, "8-bit whole numbers at 45 nm"),
    )
}
CONVENTION = PRESETS["45nm"]
"""What papers mean where they say nothing else."""
MEMORY, QUANTIZED = "memory", "quantized"
MODELS = (*PRESETS, MEMORY, QUANTIZED)

ADD_PJ, MULTIPLY_PJ, MULTIPLY8_PJ = 0.1, 3.1, 0.2
"""32-bit addition and multiplication, 8-bit multiplication of whole numbers (45 nm)."""
WORD = 4
"""Bytes of a number in the model with memory."""
_ACCESS = ((0.0, 0.0), (8 * 1024.0, 10.0), (32 * 1024.0, 20.0), (1024 * 1024.0, 100.0))


@dataclass(frozen=True)
class Energy:
    """A network beside the ANN that computes the same layers once, per inference."""

    snn_pj: float
    ann_pj: float

    @property
    def ratio(self) -> float:
        """The network's share of the ANN's energy."""
        return self.snn_pj / self.ann_pj


def energy_pj(multiplications: float, accumulations: float, preset: Preset = CONVENTION) -> float:
    """Picojoules of one inference.

    Example:
        >>> energy_pj(10, 100)
        136.0
    """
    return multiplications * preset.mac_pj + accumulations * preset.ac_pj


def energy_of_row(row: Row, preset: Preset = CONVENTION) -> float | None:
    """Picojoules of a network in the table; None where its operations were not counted."""
    if row.multiplications is None:
        return None
    return energy_pj(row.multiplications, row.synops or 0.0, preset)


def energy(layers: Iterable[LayerOperations], prices: Preset = CONVENTION) -> float:
    """Picojoules of an inference: accumulations and multiply-adds times their prices.

    Neuron updates are left out, as in the literature.

    Example:
        >>> spiking = LayerOperations("fc", macs=10, steps=4, rate=0.25, spiking=True)
        >>> energy([spiking]), ann_energy([spiking])
        (9.0, 46.0)
    """
    return sum(energy_pj(layer.multiplications, layer.accumulations, prices) for layer in layers)


def ann_energy(layers: Iterable[LayerOperations], prices: Preset = CONVENTION) -> float:
    """Picojoules of the same layers as an ANN: every multiply-add once."""
    return prices.mac_pj * sum(layer.macs for layer in layers)


def activation_bits(timesteps: int) -> int:
    """Bits of an activation that T steps of spikes can carry: ceil(log2(T + 1)).

    Example:
        >>> [activation_bits(T) for T in (1, 2, 3, 4, 7, 8)]
        [1, 2, 2, 3, 3, 4]
    """
    return timesteps.bit_length()


def quantized_mac(bits: int) -> float:
    """Picojoules of a b-bit activation times an 8-bit weight, added in 32 bits (reconstruction).

    `0.2 b / 8 + 0.1`, from the 45 nm figures of an 8-bit multiplication and a 32-bit addition.
    """
    return MULTIPLY8_PJ * bits / 8 + ADD_PJ


def quantized(layer: LayerOperations, timesteps: int) -> Energy:
    """A reconstruction of the fair comparison: the ANN has as many activation bits as T steps.

    Both networks have 8-bit weights and add in 32 bits. The stem reads 8-bit inputs in both; what
    else the spiking network computes with real numbers has 8 bits too, and all other layers of
    the ANN have ceil(log2(T + 1)).
    """
    full, few = quantized_mac(8), quantized_mac(activation_bits(timesteps))
    return Energy(
        layer.multiplications * full + layer.accumulations * ADD_PJ,
        layer.macs * (full if layer.stem else few),
    )


def access_cost(size: float) -> float:
    """Picojoules of one 4-byte access to a buffer of `size` bytes.

    Linear between 0 bytes (0 pJ), 8 KiB (10), 32 KiB (20) and 1 MiB (100), flat beyond.

    Example:
        >>> access_cost(4096), access_cost(4 * 1024**2)
        (5.0, 100.0)
    """
    for (low, cost), (high, more) in itertools.pairwise(_ACCESS):
        if size <= high:
            return cost + (more - cost) * (size - low) / (high - low)
    return _ACCESS[-1][1]


def memory_energy(layer: LayerOperations) -> float:
    """Picojoules of a layer where memory is paid for too (a reconstruction), and of its neurons.

    32-bit whole numbers. A spike adds up its address, reads a weight, and reads and writes a
    potential; a real number is read and multiplied; a neuron leaks (not IF), compares, and reads
    and writes its potential at every step. With a(bytes) of `access_cost`:

        spiking    SOP [0.1 + 0.1 + a(4W) + 2 a(4N)]
        real       n M [3.1 + 0.1 + a(4W) + a(4X)] + n N a(4N)
        updates    T N [3.1 + 0.1 + 2 a(4N)]
    """
    updates = sum(
        update.count
        * (MULTIPLY_PJ * update.leaks + ADD_PJ + 2 * access_cost(WORD * update.neurons))
        for update in layer.updates
    )
    if not layer.spiking:
        return layer.steps * memory_ann_energy(layer) + updates
    weight, potential = access_cost(WORD * layer.weights), access_cost(WORD * layer.outputs)
    return layer.accumulations * (2 * ADD_PJ + weight + 2 * potential) + updates


def memory_ann_energy(layer: LayerOperations) -> float:
    """Picojoules of a layer of an ANN where memory is paid for too; see `memory_energy`."""
    weight, value = access_cost(WORD * layer.weights), access_cost(WORD * layer.inputs)
    product = layer.macs * (MULTIPLY_PJ + ADD_PJ + weight + value)
    return product + layer.outputs * access_cost(WORD * layer.outputs)


def layer_energies(layer: LayerOperations, timesteps: int) -> dict[str, Energy]:
    """Every model of energy (`MODELS`) -> one layer beside that of the ANN, per inference."""
    found = {
        name: Energy(energy([layer], prices), ann_energy([layer], prices))
        for name, prices in PRESETS.items()
    }
    found[MEMORY] = Energy(memory_energy(layer), memory_ann_energy(layer))
    return found | {QUANTIZED: quantized(layer, timesteps)}


def energies(layers: Iterable[LayerOperations], timesteps: int) -> dict[str, Energy]:
    """Every model of energy (`MODELS`) -> the network beside its ANN, per inference.

    The ANN is the same network with every layer computed once; in `quantized` its activations have
    as many bits as T steps of spikes carry.
    """
    rows = [layer_energies(layer, timesteps) for layer in layers]
    return {
        model: Energy(
            sum(row[model].snn_pj for row in rows), sum(row[model].ann_pj for row in rows)
        )
        for model in MODELS
    }


def spikes_per_synapse(layers: Iterable[LayerOperations]) -> float:
    """Spikes that arrive at a weight per inference, over all layers that accumulate; 0 for none."""
    spiking = [layer for layer in layers if layer.spiking]
    uses = sum(layer.macs for layer in spiking)
    return sum(layer.accumulations for layer in spiking) / uses if uses else 0.0


def counting_events(layers: Iterable[LayerOperations]) -> list[LayerOperations]:
    """The common practice for frames of events: a stem that reads counts only accumulates.

    Read strictly, a count is a number and is multiplied.

    Raises:
        SpikedistillError: if no layer of the stem reads whole numbers.
    """
    layers = list(layers)
    if not any(layer.stem and layer.counts for layer in layers):
        raise SpikedistillError(
            "no layer before the first neurons reads whole numbers from 0 on, as frames of events "
            "are; the input of this network is multiplied (event input: mac)"
        )
    return [
        replace(layer, spiking=layer.spiking or (layer.stem and layer.counts)) for layer in layers
    ]


def ssa_macs(tokens: int, width: int) -> int:
    """Multiply-adds of the two products of spiking self-attention, 2 L^2 D (Spikformer).

    Example:
        >>> ssa_macs(64, 384), sdsa_additions(64, 384)
        (3145728, 24576)
    """
    return 2 * tokens**2 * width


def sdsa_additions(tokens: int, width: int) -> int:
    """Additions of spike-driven self-attention, L D."""
    return tokens * width
