"""A word that an option does not take is refused by name, wherever it is given from Python."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any, Literal

import pytest

from spikedistill.conversion.twin import Twin
from spikedistill.core.choices import choices, choices_checked
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.schedule import Schedule
from spikedistill.core.spec import Spec
from spikedistill.methods.cross_entropy import CrossEntropy
from spikedistill.methods.logit_kd import LogitKD
from spikedistill.methods.sastc import SASTC
from spikedistill.neurons.lif import LIF
from spikedistill.runs.start import start

STUDENT, TEACHER = Spec("student", 2, 8, 10), Spec("teacher", 1, 8, 10)


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda word: CrossEntropy(STUDENT, time=word),
         "CrossEntropy has no time 'stesp'; did you mean 'steps'? It takes 'fused' or 'steps'"),
        (lambda word: LogitKD(STUDENT, TEACHER, time=word), "LogitKD has no time 'stesp'"),
        (lambda word: SASTC(STUDENT, TEACHER, projector=word),
         "SASTC has no projector 'stesp'; it takes 'full' or 'pointwise' or 'grouped' or 'shared'"),
        (lambda word: SASTC(STUDENT, TEACHER, temperature=word),
         "SASTC has no temperature 'stesp'; it takes 'learned'"),
        (lambda word: SASTC(STUDENT, TEACHER, attention=word), "SASTC has no attention 'stesp'"),
        (lambda word: Schedule(0.0, 1.0, shape=word), "Schedule has no shape 'stesp'"),
        (lambda word: Twin(LIF(), weights=word), "Twin has no weights 'stesp'"),
        (lambda word: Twin(LIF(), thresholds=word), "Twin has no thresholds 'stesp'"),
        (lambda word: start(None, exist=word), "start has no exist 'stesp'"),  # type: ignore
    ],
)  # fmt: skip
def test_an_unknown_word_is_refused_with_the_known_ones(
    make: Callable[[Any], Any], sentence: str
) -> None:
    with pytest.raises(SpikedistillError) as caught:
        make("stesp")
    assert sentence in str(caught.value)


@pytest.mark.wrong_types
def test_what_is_no_word_is_refused_where_only_words_are_taken() -> None:
    with pytest.raises(SpikedistillError, match=r"CrossEntropy has no time 1; .* 'fused'"):
        CrossEntropy(STUDENT, time=1)  # type: ignore[arg-type]


def test_words_beside_other_kinds() -> None:
    def mix(
        one: Literal["a"] | float = 0.0,
        text: Literal["a"] | str = "",
        many: Literal["a", "b"] | Literal["c"] | None = None,
        free: int = 0,
    ) -> None:
        """Options of every kind."""

    assert choices(mix) == {"one": (("a",), False), "many": (("a", "b", "c"), False)}
    assert inspect.signature(choices_checked(mix)) == inspect.signature(mix)


def test_a_class_of_a_user_is_checked_too_and_stays_itself() -> None:
    class Own(LIF):
        def __init__(self, form: Literal["soft", "hard"] = "soft") -> None:
            super().__init__()
            self.form = form

    assert copy.deepcopy(Own("hard")).form == "hard"
    assert list(inspect.signature(Own).parameters) == ["form"]


def test_python_says_itself_what_does_not_fit_a_signature() -> None:
    with pytest.raises(TypeError, match="reset"):
        LIF(reset="foo")  # type: ignore[call-arg]
