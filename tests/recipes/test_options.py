from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import pytest

from spikedistill.core.schedule import Schedule
from spikedistill.methods.sastc import SASTC
from spikedistill.recipes.loss_entry import read_loss
from spikedistill.recipes.options import checked, words


def temperature(given: Any) -> Any:
    good, faults = checked(SASTC, {"temperature": given}, skip=("learner", "guide"))
    return faults or good["temperature"]


def test_an_option_of_several_types_takes_each_of_them() -> None:
    assert temperature("0.5") == 0.5
    assert temperature("learned") == "learned"
    assert temperature({"start": 1, "end": "0.1"}) == Schedule(start=1.0, end=0.1)


def test_a_schedule_is_written_as_the_mapping_that_it_was() -> None:
    entry = read_loss({"sastc": {"temperature": {"start": 1, "end": 0.1, "until": 0.5}}})
    plain = entry.plain()["sastc"]["temperature"]
    assert plain == {"start": 1.0, "end": 0.1, "begin": 0.0, "until": 0.5, "shape": "linear"}
    assert read_loss(entry.plain()) == entry


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ("learnd", [": the text 'learnd' does not fit; it takes a number or 'learned' or a mapping "
                    "of start, end, begin, until, shape"]),
        ({"strt": 1, "end": 2}, [".strt: unknown option; did you mean 'start'?",
                                 ".start: is required and missing"]),
        ({"start": 1, "end": "x"}, [".end: should be a number, not the text 'x'"]),
        ({"start": 1, "end": 2, "begin": 2}, [": a schedule runs from `begin` to `until`, shares "
                                              "of the phase with 0 <= begin < until <= 1; got "
                                              "begin=2.0, until=1.0"]),
    ],
)  # fmt: skip
def test_what_fits_none_of_the_types_is_said_in_words(given: Any, faults: list[str]) -> None:
    assert [str(fault).removeprefix("temperature") for fault in temperature(given)] == faults


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (bool, "true or false"),
        (float | None, "a number or nothing"),
        (tuple[int, ...], "a list of whole numbers"),
        (Sequence[str], "a list of texts"),
        (list[Schedule], "a list"),
        (Mapping[str, float] | None, "a mapping or nothing"),
        (Literal["sgd", "adamw"], "'sgd' or 'adamw'"),
        (str | Callable[[], Any], "a name or {name: options}"),
    ],
)
def test_a_type_is_said_in_words(kind: Any, said: str) -> None:
    assert words(kind) == said
