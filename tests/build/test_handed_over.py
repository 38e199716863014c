"""What is handed over for a run: which network is meant, and what is said of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from spikedistill.build.handed_over import (
    check_names,
    check_same_neurons,
    data_of,
    networks_of,
    neurons_of,
    other_data,
    root_of,
)
from spikedistill.core import calls
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.over_time import OverTime
from spikedistill.data import data_set
from spikedistill.neurons.integrate_and_fire import IF
from spikedistill.neurons.lif import LIF
from spikedistill.recipes.network_entry import read_network

TWIN = {"by": {"twin": {"neuron": "lif"}}}
ENTRIES = {
    name: read_network(entry)
    for name, entry in {
        "teacher": {"given": "a.Net", "taps": {"stage1": "0"}},
        "copy": {"from": "teacher", **TWIN},
        "student": {"from": "copy", **TWIN},
        "other": {"given": "b.Net"},
        "words": {"model": "digits"},
    }.items()
}


@pytest.mark.parametrize(
    ("name", "root"),
    [("student", "teacher"), ("teacher", "teacher"), ("other", "other"), ("words", "words")],
)
def test_a_network_without_a_name_is_that_from_which_the_student_is_made(
    name: str, root: str
) -> None:
    assert root_of(ENTRIES, name) == root
    assert list(networks_of(nn.Sequential(nn.ReLU()), ENTRIES, name)) == [root]


def test_copies_with_the_taps_of_the_run() -> None:
    network = nn.Sequential(nn.Linear(2, 2))
    handed: dict[str, Any] = {
        "teacher": network,
        "other": OverTime(network, 2),
        "elsewhere": network,
    }
    found = networks_of(handed, ENTRIES, "student")
    assert list(found) == ["teacher", "other"]
    assert found["teacher"].taps == {"stage1": "0"} and not hasattr(network, "taps")
    assert found["teacher"][0].weight is not network[0].weight
    assert type(found["other"]) is nn.Sequential  # taken out of its wrapper
    assert networks_of(None, ENTRIES, "student") == {}


@pytest.mark.wrong_types
def test_what_is_no_network() -> None:
    with pytest.raises(SpikedistillError, match="int was handed over as network 'other'"):
        networks_of({"other": 3}, ENTRIES, "student")  # type: ignore[dict-item]


def test_what_is_no_network_of_the_run() -> None:
    with pytest.raises(SpikedistillError, match="stage1"):
        networks_of(nn.Linear(2, 2), ENTRIES, "student")  # it has no module '0'
    with pytest.raises(SpikedistillError, match="as 'pupil', and the run has teacher, student"):
        check_names({"pupil": nn.ReLU()}, ["teacher", "student"])
    check_names(nn.ReLU(), [])
    check_names(None, [])


def test_a_factory_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "handed_nets.py").write_text(
        "from torch import nn\ndef make():\n    return nn.Linear(3, 2)\ndef no():\n    return 3\n"
    )
    monkeypatch.setattr(calls, "_PLACES", [str(tmp_path)])
    found = networks_of({"other": "handed_nets:make"}, ENTRIES, "student")
    assert found["other"].weight.shape == (2, 3)
    with pytest.raises(SpikedistillError, match="must return a torch"):
        networks_of({"other": "handed_nets:no"}, ENTRIES, "student")
    monkeypatch.syspath_prepend(tmp_path)


def test_data_in_every_form_are_split_alike() -> None:
    train = TensorDataset(torch.rand(40, 1, 8, 8), torch.arange(40) % 2)
    test = TensorDataset(torch.rand(10, 1, 8, 8), torch.arange(10) % 2)
    made = data_of({"train": train, "valid": None, "test": None}, 3)
    alone = data_of(train, 3)
    assert made.name == alone.name == "TensorDataset" and made.hashes == alone.hashes
    assert made.test.indices == alone.test.indices  # type: ignore[union-attr]
    assert data_of(train, 4).test.indices != alone.test.indices  # type: ignore[union-attr]
    pair = data_of((train, test), 3)
    assert pair.test is test and data_of({"train": train, "test": test}, 3).hashes == pair.hashes
    words = data_of("digits", 0)
    assert words.hashes == data_set("digits").hashes and data_of(words, 9).test is words.test


def test_what_is_said_of_other_data() -> None:
    data = data_of(TensorDataset(torch.rand(40, 1, 8, 8), torch.arange(40) % 2), 0)
    assert other_data(data, data.hashes) is None and other_data(data, {}) is None
    said = other_data(data, {**data.hashes, "test": "md5:1"})
    assert said is not None and said.endswith("they differ in test.")


def test_neurons_are_known_by_their_options() -> None:
    network = nn.Sequential(nn.Linear(2, 2), LIF(tau=3.0), nn.Linear(2, 2), IF())
    known = neurons_of(network)
    assert list(known) == ["1", "3"] and "tau=3.0" in known["1"] and known["3"].startswith("IF(")
    check_same_neurons(network, known)
    check_same_neurons(network, None)
    network[1] = LIF(tau=2.0)
    with pytest.raises(SpikedistillError, match=r"'1' is LIF\(tau=2.0.* and was LIF\(tau=3.0"):
        check_same_neurons(network, known)
    network[1] = nn.ReLU()
    with pytest.raises(SpikedistillError, match="'1' is no layer of neurons and was LIF"):
        check_same_neurons(network, known)
    with pytest.raises(SpikedistillError, match=r"'3' is IF\(.* and was no layer of neurons"):
        check_same_neurons(network, {})
