"""Finished cells on disk."""

import json

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.row import Row
from spikedistill.grid.store import Store

ROW = {"role": "student", "losses": [], "metric": "accuracy", "scores": {"accuracy": [50.0]},
       "timesteps": 1, "parameters": 3}  # fmt: skip
EARLIER = {"role": "student", "losses": [], "accuracy": [50.0], "timesteps": 1, "parameters": 3}
CELL = {"key": "abc", "row": ROW, "others": [], "history": [], "looks": {}}


def test_a_cell_comes_back_as_it_was_kept(tmp_path):
    store = Store(tmp_path / "cells")
    assert store.get("abc") is None
    assert store.keep(CELL).name == "abc.json"
    assert store.get("abc") == CELL


def test_a_cell_of_an_earlier_version_is_still_read(tmp_path):
    """It knew nothing but accuracy; `docs/results` is full of them."""
    store = Store(tmp_path)
    store.keep(CELL | {"row": EARLIER, "others": [EARLIER | {"accuracy": []}]})
    found = store.get("abc")
    assert found["row"] == EARLIER and Row.from_plain(found["row"]).curve == [50.0]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "cannot be read"),
        ("[]", "it holds no mapping"),
        ('{"key": "abc", "looks": {}}', "it lacks history, others, row"),
        (json.dumps(CELL | {"key": "other"}), "is of other"),
        (json.dumps(CELL | {"looks": None}), "is no mapping"),
        (json.dumps(CELL | {"others": None}), "are no list"),
        (json.dumps(CELL | {"row": {}}), "lacks one of losses, parameters, role, timesteps"),
        (json.dumps(CELL | {"row": None}), "a row is no mapping"),
        (json.dumps(CELL | {"row": ROW | {"scores": {"accuracy": "x"}}}), "a row cannot be read"),
        (json.dumps(CELL | {"row": ROW | {"scores": {"accuracy": []}}}), "no score in numbers"),
        (json.dumps(CELL | {"row": ROW | {"scores": {"accuracy": [None]}}}), "no score in numbers"),
        (json.dumps(CELL | {"row": ROW | {"metric": "error"}}), "no score in numbers"),
        (json.dumps(CELL | {"row": EARLIER | {"accuracy": "x"}}), "a row cannot be read"),
        (json.dumps(CELL | {"row": EARLIER | {"accuracy": []}}), "no score in numbers"),
        (json.dumps(CELL | {"others": [{"role": "teacher"}]}), "a row is no mapping, or lacks"),
        (json.dumps(CELL | {"others": [ROW | {"timesteps": "x"}]}), "a row cannot be read"),
    ],
)
def test_a_damaged_cell_is_named_with_the_remedy(tmp_path, text, what):
    (tmp_path / "abc.json").write_text(text)
    with pytest.raises(SpikedistillError, match=what) as caught:
        Store(tmp_path).get("abc")
    assert "abc.json" in str(caught.value) and "delete it" in str(caught.value)
