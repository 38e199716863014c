from __future__ import annotations

from typing import Any

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.recipes.overrides import override

RECIPE: dict[str, Any] = {
    "networks": {"student": {"model": "digits", "activation": "lif"}},
    "training": {"epochs": 3},
    "phases": [
        {"losses": [{"cross_entropy": None}], "training": {"epochs": 9, "lr": 1}},
        {
            "losses": ["cross_entropy", {"sastc": {"weight": 100}}],
            "compare": {"kd": [{"logit_kd": {"name": "kd"}}]},
        },
    ],
}


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("training.lr=1e-3", ("training", "lr"), 1e-3),
        ("training.compile=off", ("training", "compile"), "off"),
        ("augment.flip=true", ("augment", "flip"), True),
        ("claim=null", ("claim",), None),
        ("phases.1.losses.1.sastc.weight=5", ("phases", 1, "losses", 1, "sastc", "weight"), 5),
        ("phases.student.losses.sastc.weight=5", ("phases", 1, "losses", 1, "sastc", "weight"), 5),
        ("phases.phase1.losses.cross_entropy.time=steps",
         ("phases", 0, "losses", 0, "cross_entropy", "time"), "steps"),
        ("phases.student.losses.cross_entropy.weight=2",
         ("phases", 1, "losses", 0, "cross_entropy", "weight"), 2),
        ("phases.student.compare.kd.kd.logit_kd.temperature=2",
         ("phases", 1, "compare", "kd", 0, "logit_kd", "temperature"), 2),
        ("networks.student.activation.lif.tau=3",
         ("networks", "student", "activation", "lif", "tau"), 3),
        ("phases.student.losses=[cross_entropy]", ("phases", 1, "losses"), ["cross_entropy"]),
        ("phases.student.losses.0=sastc", ("phases", 1, "losses", 0), "sastc"),
    ],
)  # fmt: skip
def test_where_a_value_lands(text: str, path: tuple[Any, ...], value: Any) -> None:
    found: Any = override(RECIPE, text)
    for step in path:
        found = found[step]
    assert found == value
    assert RECIPE["training"] == {"epochs": 3}  # what was given stays as it was


def test_training_is_meant_for_all_phases() -> None:
    changed = override(RECIPE, "training.epochs=1")
    assert changed["training"] == {"epochs": 1}
    assert changed["phases"][0]["training"] == {"lr": 1}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("training.epochs", "is no override; write key.path=value"),
        ("phases.studnt.x=1", "phases has no entry 'studnt'; did you mean 'student'?"),
        ("phases.student.losses.sastk.weight=1", "did you mean 'sastc'?"),
        ("training.epochs.x.y=1", "training.epochs is 3, which has nothing inside"),
        ("training.lr=[1", "this is not YAML"),
    ],
)
def test_what_leads_nowhere(text: str, sentence: str) -> None:
    with pytest.raises(SpikedistillError) as caught:
        override(RECIPE, text)
    assert sentence in str(caught.value)
