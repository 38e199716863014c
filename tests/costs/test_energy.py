"""Energies against figures worked by hand, plain loops, and the counters of other libraries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikedistill.core.clock import steps
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.row import Row
from spikedistill.costs.energy import (
    CONVENTION,
    MEMORY,
    MODELS,
    PRESETS,
    access_cost,
    activation_bits,
    ann_energy,
    counting_events,
    energies,
    energy,
    energy_of_row,
    energy_pj,
    memory_ann_energy,
    memory_energy,
    quantized,
    quantized_mac,
    sdsa_additions,
    spikes_per_synapse,
    ssa_macs,
)
from spikedistill.costs.operations import macs_per_layer
from spikedistill.costs.synops import LayerOperations, NeuronUpdates, SynopsMeter
from spikedistill.functional.compiled import compiling
from spikedistill.models.resnet import resnet19_wide_stem_no_fc
from spikedistill.neurons.integrate_and_fire import IF
from spikedistill.neurons.lif import LIF

MILLIJOULE = 1e9
T, B = 4, 6


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    with compiling(False):
        yield


def _row(macs: float = 100.0, rate: float = 0.25, spiking: bool = True, **more: Any) -> Any:
    return LayerOperations("layer", macs, more.pop("steps", 4), rate, spiking, **more)


def _resnet19(stem_steps: int, classifier_spikes: bool) -> list[LayerOperations]:
    """ResNet-19 with a stem of 128 channels and no hidden classifier, 32x32, T = 2, rate 0.15."""
    with torch.device("meta"):
        counts = macs_per_layer(resnet19_wide_stem_no_fc(), torch.zeros(1, 3, 32, 32))
    stem, *rest, classifier = counts.items()
    assert (stem[1], classifier[1]) == (3_538_944, 5_120)
    return [
        LayerOperations(stem[0], stem[1], stem_steps, 1.0, False, stem=True),
        *(LayerOperations(path, macs, 2, 0.15, True) for path, macs in rest),
        LayerOperations(classifier[0], classifier[1], 2, 0.15, classifier_spikes),
    ]


def test_resnet19_as_papers_count() -> None:
    layers = _resnet19(1, True)
    stem, rest = layers[:1], layers[1:]
    assert sum(layer.macs for layer in rest) == pytest.approx(2281.706e6, rel=1e-6)
    assert sum(layer.accumulations for layer in rest) == pytest.approx(684.512e6, rel=1e-6)
    assert energy(stem) / MILLIJOULE == pytest.approx(0.016279, abs=1e-6)
    assert energy(_resnet19(2, True)[:1]) / MILLIJOULE == pytest.approx(0.032558, abs=1e-6)
    assert energy(rest) / MILLIJOULE == pytest.approx(0.616061, abs=1e-6)
    assert energy(layers) / MILLIJOULE == pytest.approx(0.632340, abs=1e-6)
    assert ann_energy(layers) / MILLIJOULE == pytest.approx(10.512129, abs=1e-6)


def test_resnet19_with_its_classifier_behind_the_average_pool() -> None:
    assert energy(_resnet19(1, False)) / MILLIJOULE == pytest.approx(0.632386, abs=1e-6)


def test_rate_one_and_rate_nought() -> None:
    always = [_row(rate=1.0, steps=1), _row(macs=7.0, rate=1.0, steps=1)]
    assert energies(always, 1)["45nm"].ratio == pytest.approx(0.195652, abs=1e-6)
    stem = _row(rate=1.0, spiking=False, steps=1, stem=True)
    assert energy([stem, _row(rate=0.0)]) == energy([stem]) == pytest.approx(460)
    assert energy([_row(steps=8)]) == 2 * energy([_row(steps=4)])


def test_presets() -> None:
    layers = [_row(spiking=False, steps=1), _row()]
    found = {name: (energy(layers, prices), ann_energy(layers, prices))
             for name, prices in PRESETS.items()}  # fmt: skip
    assert found["45nm"] == (pytest.approx(460 + 90), pytest.approx(920))
    assert found["fp16"] == (pytest.approx(150 + 40), pytest.approx(300))
    assert found["int8"] == (pytest.approx(23 + 3), pytest.approx(46))
    assert PRESETS["45nm"] is CONVENTION
    both = energies(layers, 4)
    assert tuple(both) == MODELS
    for name, (snn, ann) in found.items():
        assert (both[name].snn_pj, both[name].ann_pj) == (pytest.approx(snn), pytest.approx(ann))


def test_bits_and_the_quantised_network() -> None:
    assert [activation_bits(T) for T in (1, 2, 3, 4, 7, 8)] == [1, 2, 2, 3, 3, 4]
    prices = [quantized_mac(bits) for bits in (1, 2, 3, 8)]
    assert prices == pytest.approx([0.125, 0.15, 0.175, 0.3])
    spiking = quantized(_row(), timesteps=4)  # 100 accumulations against 100 products of 3 bits
    assert (spiking.snn_pj, spiking.ann_pj) == (pytest.approx(10.0), pytest.approx(17.5))
    stem = quantized(_row(spiking=False, steps=1, stem=True), timesteps=4)
    assert stem.snn_pj == stem.ann_pj == pytest.approx(30.0)
    pooled = quantized(_row(spiking=False), timesteps=4)
    assert (pooled.snn_pj, pooled.ann_pj) == (pytest.approx(120.0), pytest.approx(17.5))


def test_access_costs() -> None:
    sizes = [0, 4 * 1024, 16 * 1024, 32 * 1024, 512 * 1024, 4 * 1024**2]
    found = [access_cost(size) for size in sizes]
    assert found == pytest.approx([0, 5, 13.333333, 20, 58.709677, 100])


def test_energy_with_memory() -> None:
    """Linear 512 -> 256, T = 4, rate 0.1, LIF: the figures of the specification."""
    lif = NeuronUpdates("lif", 256, 4, leaks=True)
    layer = _row(512 * 256, 0.1, weights=512 * 256, inputs=512, outputs=256, updates=(lif,))
    assert layer.accumulations == pytest.approx(52_428.8)
    assert access_cost(4 * layer.weights) == pytest.approx(58.709677)
    assert access_cost(4 * layer.outputs) == 1.25 and access_cost(4 * layer.inputs) == 2.5
    assert memory_energy(layer) / 1e6 == pytest.approx(3.225472, abs=1e-6)
    assert memory_ann_energy(layer) / 1e6 == pytest.approx(8.442625, abs=1e-6)
    total = energies([layer], 4)[MEMORY]
    assert (total.snn_pj, total.ann_pj) == (memory_energy(layer), memory_ann_energy(layer))
    plain = replace(layer, updates=(replace(lif, leaks=False),))
    assert memory_energy(layer) - memory_energy(plain) == pytest.approx(4 * 256 * 3.1)
    # a stem of real numbers: the ANN's layer once, and its neurons at every step
    stem = replace(layer, spiking=False, steps=1)
    updates = 4 * 256 * (3.1 + 0.1 + 2 * 1.25)
    assert memory_energy(stem) == pytest.approx(memory_ann_energy(layer) + updates)


def test_spikes_per_synapse() -> None:
    assert _row(rate=0.15).spikes_per_synapse == pytest.approx(0.6)
    layers = [_row(spiking=False), _row(rate=0.15), _row(macs=300, rate=0.05)]
    assert spikes_per_synapse(layers) == pytest.approx((60 + 60) / 400)
    assert spikes_per_synapse(layers[:1]) == 0


def test_attention() -> None:
    assert (ssa_macs(64, 384), sdsa_additions(64, 384)) == (3_145_728, 24_576)


def test_frames_of_events() -> None:
    layers = [_row(spiking=False, stem=True, counts=True), _row(), _row(spiking=False)]
    counted = counting_events(layers)
    assert [layer.spiking for layer in counted] == [True, True, False]
    assert energy(layers[:1]) == pytest.approx(4 * 460)
    assert energy(counted[:1]) == pytest.approx(90)
    images = [replace(layers[0], counts=False), *layers[1:]]
    with pytest.raises(SpikedistillError, match="reads whole numbers"):
        counting_events(images)


def _network() -> nn.Sequential:
    """Linear layers only, so that no border is counted; no weight is 0."""
    return nn.Sequential(
        nn.Linear(7, 9), LIF(v_threshold=0.2), nn.Linear(9, 5), IF(v_threshold=0.1), nn.Linear(5, 3)
    )


def _measured(network: nn.Module, inputs: Tensor) -> list[LayerOperations]:
    with torch.no_grad(), SynopsMeter(network) as meter, steps(network, T):
        network(inputs)
    return meter.layers()


def _inputs_of_layers(network: nn.Sequential, inputs: Tensor) -> list[Tensor]:
    seen: list[Tensor] = []
    hooks = [
        layer.register_forward_pre_hook(lambda _layer, given: seen.append(given[0]))
        for layer in network
        if isinstance(layer, nn.Linear)
    ]
    with torch.no_grad(), steps(network, T):
        network(inputs)
    for hook in hooks:
        hook.remove()
    return seen


def test_energy_of_a_network_is_that_of_its_nonzero_products() -> None:
    network, inputs = _network(), torch.rand(T * B, 7) + 0.1
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    picojoules = 0.0
    for layer, rows in zip(linear, _inputs_of_layers(network, inputs), strict=True):
        for row in rows.tolist():
            for value in row:
                price = 0.9 if value in (0.0, 1.0) else 4.6
                for weight in layer.weight[:, 0].tolist():  # as many products as outputs
                    assert weight != 0
                    picojoules += price * (value != 0)
    found = energy(_measured(network, inputs))
    assert found == pytest.approx(picojoules / B, rel=1e-9)
    assert 0 < found < ann_energy(_measured(network, inputs)) * T


def test_against_the_counters_of_spikingjelly() -> None:
    counters = pytest.importorskip("spikingjelly.activation_based.op_counter", exc_type=ImportError)
    network, inputs = _network(), torch.rand(T * B, 7) + 0.1
    synops, macs = counters.SynOpCounter(), counters.MACCounter()
    with torch.no_grad(), counters.DispatchCounterMode([synops, macs]), steps(network, T):
        network(inputs)
    layers = _measured(network, inputs)
    assert sum(layer.accumulations for layer in layers) == pytest.approx(synops.get_total() / B)
    assert sum(layer.multiplications for layer in layers) == pytest.approx(macs.get_total() / B)
    cost = counters.SimpleEnergyCostConfig.fp32()
    assert (cost.e_mac_pj, cost.e_ac_pj) == (CONVENTION.mac_pj, CONVENTION.ac_pj)


def test_against_the_counter_of_neurobench() -> None:
    workload = pytest.importorskip("neurobench.metrics.workload", exc_type=ImportError)
    models = pytest.importorskip("neurobench.models", exc_type=ImportError)
    network, inputs = _network(), torch.rand(T * B, 7) + 0.1
    model = models.TorchModel(network)
    model.register_hooks()
    with torch.no_grad(), steps(network, T):
        answers = model(inputs)
    theirs = workload.SynapticOperations()(model, answers, (torch.zeros(B), None))
    for hook in model.connection_hooks:
        hook.close()
    layers = _measured(network, inputs)
    ours = sum(layer.accumulations for layer in layers)
    assert ours == pytest.approx(float(theirs["Effective_ACs"]))
    multiplied = sum(layer.multiplications for layer in layers)
    assert multiplied == pytest.approx(float(theirs["Effective_MACs"]))


def test_the_energy_of_a_row_by_hand() -> None:
    assert energy_pj(1000, 2000) == pytest.approx(4600 + 1800)
    assert energy_of_row(Row("ann", multiplications=10.0)) == pytest.approx(46.0)
    assert energy_of_row(Row("snn", multiplications=10.0, synops=5.0)) == pytest.approx(50.5)
    assert energy_of_row(Row("ann")) is None
