"""Finished cells on disk."""

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.grid.store import Store

CELL = {"key": "abc", "row": {"accuracy": [50.0]}, "history": []}


def test_a_cell_comes_back_as_it_was_kept(tmp_path):
    store = Store(tmp_path / "cells")
    assert store.get("abc") is None
    assert store.keep(CELL).name == "abc.json"
    assert store.get("abc") == CELL


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "cannot be read"),
        ("[]", "lacks history, key, row"),
        ('{"key": "other", "row": {}, "history": []}', "is of other"),
    ],
)
def test_a_damaged_cell_is_named_with_the_remedy(tmp_path, text, what):
    (tmp_path / "abc.json").write_text(text)
    with pytest.raises(SpikedistillError, match=what) as caught:
        Store(tmp_path).get("abc")
    assert "abc.json" in str(caught.value) and "delete it" in str(caught.value)
