"""Finished cells on disk."""

import json

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.grid import store as store_module
from spikedistill.grid.store import Store
from spikedistill.recipes.files import load

ROW = {"role": "student", "losses": [], "accuracy": [50.0], "timesteps": 1, "parameters": 3}
CELL = {"key": "abc", "row": ROW, "others": [], "history": [], "looks": {}}


def test_a_cell_comes_back_as_it_was_kept(tmp_path):
    store = Store(tmp_path / "cells")
    assert store.get("abc") is None
    assert store.keep(CELL).name == "abc.json"
    assert store.get("abc") == CELL


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "cannot be read"),
        ("[]", "it holds no mapping"),
        ('{"key": "abc", "looks": {}}', "it lacks history, others, row"),
        (json.dumps(CELL | {"key": "other"}), "is of other"),
        (json.dumps(CELL | {"looks": None}), "is no mapping"),
        (json.dumps(CELL | {"others": None}), "are no list"),
        (json.dumps(CELL | {"row": {}}), "no accuracy in numbers"),
        (json.dumps(CELL | {"row": None}), "no accuracy in numbers"),
        (json.dumps(CELL | {"row": ROW | {"accuracy": "x"}}), "no accuracy in numbers"),
        (json.dumps(CELL | {"row": ROW | {"accuracy": []}}), "no accuracy in numbers"),
        (json.dumps(CELL | {"others": [{"role": "teacher"}]}), "no accuracy in numbers"),
    ],
)
def test_a_damaged_cell_is_named_with_the_remedy(tmp_path, text, what):
    (tmp_path / "abc.json").write_text(text)
    with pytest.raises(SpikedistillError, match=what) as caught:
        Store(tmp_path).get("abc")
    assert "abc.json" in str(caught.value) and "delete it" in str(caught.value)


def test_auto_is_decided_once_for_all_cells(tmp_path, monkeypatch):
    recipe = load("digits-sastc", ["training.precision=auto"])
    monkeypatch.setattr(store_module, "faster", lambda: "bf16")
    found = Store(tmp_path / "cells").settled(recipe)
    assert {found.settings(phase).precision for phase in found.phases} == {"bf16"}
    monkeypatch.setattr(store_module, "faster", lambda: "fp32")  # a busier moment
    assert Store(tmp_path / "cells").settled(recipe) == found
    assert Store(tmp_path / "other").settled(recipe) != found
    plain = load("digits-sastc")
    assert Store(tmp_path / "third").settled(plain) is plain and not (tmp_path / "third").exists()
    (tmp_path / "cells/precision.txt").write_text("fp8")
    with pytest.raises(
        SpikedistillError, match=r"precision\.txt says 'fp8' and should say fp32 or"
    ):
        Store(tmp_path / "cells").settled(recipe)
