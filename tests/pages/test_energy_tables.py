from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from spikedistill.pages.energy_tables import figure, layer_table, sentences, total_table
from spikedistill.pages.table import unit


def _layer(path: str, operation: str, **more: Any) -> dict[str, Any]:
    spiking = operation == "AC"
    return {
        "layer": path, "operation": operation, "stem": not spiking, "macs": 36_900.0, "steps": 2.0,
        "rate": 0.446, "binary": 1.0 if spiking else 0.0,
        "spikes_per_synapse": 0.892 if spiking else None, "synops": 32_900.0 * spiking,
        "neuron_updates": 1024.0, "energy": {"45nm": {"snn_pj": 29_600.0, "ann_pj": 169_740.0}},
    } | more  # fmt: skip


def _found(**more: Any) -> dict[str, Any]:
    total = {"snn_pj": 50_800.0, "ann_pj": 190_940.0, "teacher_pj": None, "ratio": 0.266}
    return {
        "network": "student", "data": "digits", "split": "test", "samples": 359,
        "all_samples": 359, "timesteps": 2, "bits": 2, "event_input": "mac",
        "teacher": None, "teachers": [], "spikes_per_synapse": 0.685, "rate": 0.343,
        "layers": [_layer("network.layer1.0", "MAC", steps=1.0), _layer("network.layer1.3", "AC")],
        "totals": {"45nm": total, "quantized": {**total, "ratio": 0.5}},
        "named": [{"layer": "network.layer1.0", "why": "it reads the input"}],
        "break_even": [{"claim": "spikes pay", "source": "Someone 2020"}],
    } | more  # fmt: skip


def _drawn(table: Table, width: int = 100) -> str:
    console = Console(width=width)
    with console.capture() as seen:
        console.print(table)
    return seen.get()


@pytest.mark.parametrize(
    ("picojoules", "shown"),
    [(0.3, "0.3 pJ"), (999.0, "999 pJ"), (1_000.0, "1 nJ"), (29_600.0, "29.6 nJ"),
     (2.5e6, "2.5 µJ"), (3.2e12, "3200 mJ")],
)  # fmt: skip
def test_units(picojoules: float, shown: str) -> None:
    size, name = unit(picojoules)
    assert f"{figure(picojoules, size)} {name}" == shown


def test_table_of_layers() -> None:
    text = _drawn(layer_table(_found(), "45nm"))
    assert "student, T = 2, per inference (45 nm, float32: 4.6 / 0.9 pJ)" in text
    row = next(line for line in text.splitlines() if "layer1.3" in line)
    assert row.split() == ["layer1.3", "AC", "36.9", "k", "2", "44.6", "100", "0.892", "32.9", "k",
                           "1.02", "k", "29.6", "170"]  # fmt: skip
    assert "network." not in text and "nJ" in text


def test_table_of_layers_fits_into_100_columns() -> None:
    long = [_layer("network.layer1.0.shortcut", "AC"), _layer("network.linear", "MAC")]
    text = _drawn(layer_table(_found(layers=long), "45nm"))
    assert "layer1.0.shortcut " in text and max(map(len, text.splitlines())) <= 100


def test_table_of_totals() -> None:
    text = _drawn(total_table(_found()))
    assert "26.6 %" in text and "2-bit activations" in text and "ANN '" not in text
    totals = {
        "45nm": {"snn_pj": 50.0, "ann_pj": 200.0, "teacher_pj": 1000.0, "ratio": 0.25},
        "memory": {"snn_pj": 50.0, "ann_pj": 200.0, "teacher_pj": None, "ratio": 0.25},
    }
    text = _drawn(total_table(_found(totals=totals, teacher={"network": "big", "macs": 9.0})))
    assert "ANN 'big'" in text
    rows = [line.split() for line in text.splitlines() if "25.0 %" in line]
    assert rows[0][-7:] == ["0.05", "0.2", "25.0", "%", "1", "5.0", "%"]
    assert rows[1][-6:] == ["0.05", "0.2", "25.0", "%", "-", "-"]


def test_sentences() -> None:
    said = "\n".join(sentences(_found(), ["the softmax at attention"]))
    for part in (
        "measured on all 359 test samples of digits.",
        "The stem (layer1.0) is computed once per inference.",
        "layer1.0 counts as MAC: it reads the input.",
        "Not counted, because it is no layer: the softmax at attention.",
        "No ANN guided this network",
        "reconstructions",
        "0.685 spikes per synapse and inference, a rate of 34.3 % at T = 2.",
        "spikes pay (Someone 2020).",
    ):
        assert part in said, part
    assert "Frames of events" not in said and "zeros" not in said


def test_sentences_of_other_cases() -> None:
    often = [_layer("layer1.0", "MAC"), _layer("fc", "AC")]
    other = _found(layers=often, samples=100, event_input="ac", named=[],
                   teacher={"network": "big", "macs": 9.0})  # fmt: skip
    said = "\n".join(sentences(other))
    assert "100 of the 359 test samples" in said
    assert "The stem (layer1.0) is computed at each of 2 steps per inference." in said
    assert "Frames of events count as AC" in said and "No ANN guided" not in said
    said = "\n".join(sentences(_found(layers=[_layer("fc", "AC", rate=0.0)], named=[])))
    assert "Nothing but zeros reached fc" in said
    assert "There is no stem: neurons read the input." in said
