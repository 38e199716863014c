"""Where a network of a recipe comes from, and what stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from spikedistill.recipes.faults import from_pydantic
from spikedistill.recipes.network_entry import KEYS, NetworkEntry, read_network
from spikedistill.recipes.options import Choice

LIF = Choice("lif", {"tau": 3.0})


def faults(given: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        read_network(given)
    return [str(fault) for fault in from_pydantic(caught.value)]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Layers, a network and conversions of the user's own."""
    (tmp_path / "entry_own.py").write_text(
        "from torch import nn\nfrom spikedistill.core.conversion import Conversion\n"
        "class Shift(nn.Module):\n"
        "    def __init__(self, channels, folds: int = 4):\n        super().__init__()\n"
        "def net(depth: int = 3):\n    return nn.Identity()\n"
        "class Plain(Conversion):\n"
        "    def __init__(self, share: float = 0.5):\n        pass\n"
        "    def __call__(self, material):\n        return material.source\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("spikedistill.core.calls._PLACES", [])
    yield
    __import__("sys").modules.pop("entry_own", None)


def test_a_model_in_a_word_and_in_many() -> None:
    assert read_network("digits") == NetworkEntry(model="digits", activation=Choice("relu"))
    given = {
        "model": "digits", "width": 1, "activation": {"lif": {"tau": 3}}, "norm": {"tdbn":
        {"v_threshold": 2}}, "weights": "w.npz", "mean": [0.5], "std": ["0.25"],
    }  # fmt: skip
    entry = read_network(given)
    assert entry == NetworkEntry(
        model="digits", activation=LIF, norm=Choice("tdbn", {"v_threshold": 2.0}), weights="w.npz",
        mean=(0.5,), std=(0.25,), options={"width": 1.0},
    )  # fmt: skip
    assert entry.says == "digits" and entry.sources == ()
    assert read_network(entry) is entry and read_network(entry.plain()) == entry


def test_a_call_keeps_what_it_does_not_know() -> None:
    given = {"call": "mine:net", "depth": [1, {"a": 2}], "taps": {"stage1": "layer1"}}
    entry = read_network(given)
    assert entry.options == {"depth": [1, {"a": 2}]} and entry.taps == {"stage1": "layer1"}
    assert entry.activation is None and read_network(entry.plain()) == entry
    assert entry.plain() == given


def test_made_from_another_network() -> None:
    given = {"from": "teacher", "by": {"twin": {"neuron": {"lif": {"tau": 3}}, "percentile": 98}}}
    entry = read_network(given)
    assert entry.by == Choice("twin", {"percentile": 98.0, "neuron": LIF})
    assert (entry.source, entry.sources, entry.says) == (
        "teacher", ("teacher",), "made from teacher",
    )  # fmt: skip
    assert (entry.model, entry.activation, entry.options) == (None, None, {})
    assert read_network(entry.plain()) == entry
    short = read_network({"from": "teacher", "by": "twin"})
    assert short.by == Choice("twin", {"neuron": Choice("lif")})


def test_what_was_written_for_earlier_versions() -> None:
    old = {"twin_of": "teacher", "neuron": {"lif": {"tau": 3}}, "weights": "fresh",
           "thresholds": 2, "percentile": 98}  # fmt: skip
    entry = read_network(old)
    assert entry.weights is None
    assert entry.plain() == {
        "from": "teacher",
        "by": {
            "twin": {
                "weights": "fresh", "thresholds": 2.0, "percentile": 98.0,
                "neuron": {"lif": {"tau": 3.0}},
            }
        },
    }  # fmt: skip
    assert read_network({"twin_of": "t"}) == read_network({"from": "t", "by": "twin"})
    (fault,) = faults({"twin_of": "teacher", "weights": "stolen"})
    assert fault.startswith("by.twin.weights: the text 'stolen' is not one of the choices")
    (fault,) = faults({"twin_of": "teacher", "percentil": 3})
    assert fault.startswith("percentil: unknown option")


def test_weights_put_into_a_model() -> None:
    entry = read_network(
        {"model": "digits", "from": "ann", "by": {"copy": {"leave": ["linear.*"]}}, "width": 0.5}
    )
    assert entry.by == Choice("copy", {"leave": ("linear.*",)})
    assert (entry.model, entry.source, entry.options) == ("digits", "ann", {"width": 0.5})
    assert entry.activation == Choice("relu") and read_network(entry.plain()) == entry


def test_weights_put_into_a_call_that_has_options(own: None) -> None:
    entry = read_network({"call": "entry_own:net", "from": "ann", "by": "copy", "depth": 7})
    assert (entry.call, entry.by, entry.options) == (
        "entry_own:net", Choice("copy"), {"depth": 7},
    )  # fmt: skip
    assert read_network(entry.plain()) == entry


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"from": "ann"}, "a network made from another needs both `from: NETWORK` and `by: CONV"),
        ({"by": "twin"}, "a network made from another needs both"),
        ({"from": "ann", "by": 3}, "by: should be a conversion, or {name: options}, not 3"),
        ({"from": "ann", "by": "twinn"}, "by: there is no conversion 'twinn'; did you mean 'twin'"),
        ({"from": "ann", "by": {"twin": 3}}, "the options of a conversion should be a mapping"),
        (
            {"from": "ann", "by": {"twin": {"percentil": 3}}},
            "by.twin.percentil: unknown option; did",
        ),
        (
            {"from": "ann", "by": {"twin": {"neuron": {"lif": {"tu": 3}}}}},
            "by.twin.neuron.lif.tu: unknown option; did you mean 'tau'",
        ),
        (
            {"from": "ann", "by": "copy"},
            "by.copy: puts weights into a network of its own; name one",
        ),
        (
            {"from": "ann", "by": "twin", "model": "digits"},
            "by.twin: makes its network; leave model",
        ),
        ({"from": "ann", "by": "twin", "width": 2}, "width: unknown option; the options of a conv"),
        (
            {"model": "digits", "call": "a:b"},
            "one of model: ..., call: ..., from: ...; it says model and call",
        ),
        ({"modell": "digits"}, "a network needs exactly one of model: ..., call: ..., from: ..."),
        ("resnett19", "model: there is no network 'resnett19'; did you mean 'resnet19'"),
        (
            {"model": "digits", "modules": "shift"},
            "modules: should be a list, not the text 'shift'",
        ),
        (
            {"model": "digits", "modules": ["tdbnn"]},
            "modules[0]: there is no layer 'tdbnn'; did yo",
        ),
        (
            {"model": "digits", "norm": {"tdbn": {"channels": 3}}},
            "norm.tdbn.channels: unknown opti",
        ),
    ],
)
def test_what_is_refused(given: Any, fault: str) -> None:
    found = faults(given)
    assert len(found) == 1 and fault in found[0], found


def test_modules_beside_neurons_get_options_and_what_their_place_supplies(own: None) -> None:
    given = {"model": "digits", "activation": "lif", "width": 0.5,
             "modules": [{"entry_own:Shift": {"folds": 8}}, "entry_own:Shift"]}  # fmt: skip
    entry = read_network(given)
    assert entry.modules == (Choice("entry_own:Shift", {"folds": 8}), Choice("entry_own:Shift"))
    assert entry.options == {"width": 0.5} and read_network(entry.plain()) == entry
    (fault,) = faults(given | {"modules": [{"entry_own:Shift": {"channels": 3}}]})
    assert fault.startswith("modules[0].entry_own:Shift.channels: unknown option")
    beside = read_network({"from": "ann", "by": "twin", "modules": ["entry_own:Shift"]})
    assert beside.modules == (Choice("entry_own:Shift"),)
    called = read_network({"call": "a:b", "modules": ["entry_own:Shift"], "depth": 3})
    assert called.modules == (Choice("entry_own:Shift"),) and called.options == {"depth": 3}


def test_a_conversion_of_ones_own(own: None) -> None:
    entry = read_network({"from": "ann", "by": {"entry_own:Plain": {"share": 1}}})
    assert entry.by == Choice("entry_own:Plain", {"share": 1.0})
    (fault,) = faults({"from": "ann", "by": "entry_own:Shift"})
    assert "'entry_own:Shift' is no conversion: a conversion is a class that derives" in fault


def test_every_key_is_one_of_an_entry() -> None:
    fields = {"from": "source"}
    assert all(hasattr(NetworkEntry(), fields.get(key, key)) for key in KEYS)
