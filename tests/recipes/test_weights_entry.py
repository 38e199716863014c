"""What a recipe says of the weights of a network."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from spikedistill.recipes.blocks import BLOCKS
from spikedistill.recipes.faults import from_pydantic
from spikedistill.recipes.network_entry import read_network
from spikedistill.recipes.weights_entry import WeightsEntry, file_and_key


def entry(weights: Any) -> dict[str, Any]:
    return {"call": "mine:net", "weights": weights}


@pytest.mark.parametrize("weights", ["w.pt", {"file": "w.pt", "key": "model_ema"}])
def test_it_is_written_as_it_was_read(weights: Any) -> None:
    read = read_network(entry(weights))
    assert read.plain() == entry(weights) and read_network(read.plain()) == read


def test_a_mapping_without_key_is_a_word() -> None:
    read = read_network(entry({"file": "w.pt"}))
    assert read.weights == "w.pt" and read_network({"model": "digits"}).weights is None
    assert file_and_key("w.pt") == ("w.pt", None)
    assert file_and_key(WeightsEntry("w.pt", "ema")) == ("w.pt", "ema")


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"key": "ema"}, "weights.file: is required and missing"),
        ({"file": 3}, "weights.file: should be text, not 3"),
        ({"file": "w.pt", "key": 3}, "weights.key: should be text, not 3"),
        ({"file": "w.pt", "kee": "ema"}, "weights.kee: unknown option; did you mean 'key'?"),
        (["w.pt"], "weights: should be text, not the list ['w.pt']"),
    ],
)
def test_faults(weights: Any, expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read_network(entry(weights))
    assert [str(fault) for fault in from_pydantic(caught.value)] == [expected]


def test_it_is_explained() -> None:
    assert "`{file: epoch90.pth, key: model_ema}` chooses" in " ".join(
        BLOCKS["networks"].text.split()
    )
