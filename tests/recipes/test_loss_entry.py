"""One term of a recipe: its seats, its options and its weight."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from spikedistill.core.schedule import Pieces, Schedule
from spikedistill.recipes.faults import from_pydantic
from spikedistill.recipes.loss_entry import LossEntry, read_loss


def faults(given: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        read_loss(given)
    return [str(fault) for fault in from_pydantic(caught.value)]


def test_seats_and_options() -> None:
    assert read_loss("cross_entropy") == LossEntry("cross_entropy", "cross_entropy", guide=None)
    given = {"logit_kd": {"name": "soft", "weight": 2, "learner": "a", "guide": "b",
                          "detach": False, "temperature": 4}}  # fmt: skip
    entry = read_loss(given)
    assert entry == LossEntry("logit_kd", "soft", 2.0, "a", "b", False, {"temperature": 4.0})
    assert read_loss(entry) is entry and read_loss(entry.plain()) == entry


def test_a_weight_of_several_pieces() -> None:
    up = {"start": 0, "end": 1, "until": 0.25}
    down = {"start": 1, "end": 0.5, "begin": 0.75, "shape": "cosine"}
    entry = read_loss({"logit_kd": {"weight": [up, down]}})
    assert entry.weight == Pieces(
        (Schedule(0.0, 1.0, 0.0, 0.25), Schedule(1.0, 0.5, 0.75, 1.0, "cosine"))
    )
    assert entry.plain()["logit_kd"]["weight"] == [
        {"start": 0.0, "end": 1.0, "begin": 0.0, "until": 0.25, "shape": "linear"},
        {"start": 1.0, "end": 0.5, "begin": 0.75, "until": 1.0, "shape": "cosine"},
    ]
    assert read_loss(entry.plain()) == entry
    one = read_loss({"logit_kd": {"weight": up}})
    assert one.weight == Schedule(0.0, 1.0, 0.0, 0.25) and read_loss(one.plain()) == one


def test_a_bare_number_is_no_weight() -> None:
    assert faults({"sastc": 100}) == [
        "sastc: its options are a mapping, and the number 100 was given; for a weight say "
        "{weight: 100}"
    ]


UP = {"start": 0.0, "end": 1.0, "until": 0.5}


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (
            [UP, {"start": 1, "end": 0, "begin": 0.4}],
            "logit_kd.weight: the pieces of a schedule follow one another, and one runs until 0.5",
        ),
        ([], "logit_kd.weight: a schedule of several pieces needs at least one"),
        ([UP, {"start": 1, "ende": 0, "end": 0}], "logit_kd.weight[1].ende: unknown option; did"),
        ([{"start": 1, "end": 0, "until": 2}], "logit_kd.weight[0]: a schedule runs from `begin`"),
        ([3], "logit_kd.weight[0]: should be a mapping of options, not 3"),
        ({"start": 1}, "logit_kd.weight.end: is required and missing"),
        ("much", "logit_kd.weight: should be a number, not the text 'much'"),
    ],
)
def test_weights_that_cannot_be(weight: Any, expected: str) -> None:
    found = faults({"logit_kd": {"weight": weight}})
    assert [fault[: len(expected)] for fault in found] == [expected]
