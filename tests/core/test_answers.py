"""Which of a network's outputs are its logits."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from spikedistill.core.answers import answer_of
from spikedistill.core.errors import SpikedistillError

LOGITS, OTHER = torch.arange(6.0).reshape(2, 3), torch.zeros(2, 5, 4, 4)


@dataclass
class Output:
    logits: Tensor
    features: Tensor | None = None


class ModelOutput(OrderedDict[str, Any]):
    """As transformers has it: a mapping with attributes."""

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            raise AttributeError(name)
        return self[name]


Named = namedtuple("Named", "aux logits")


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (LOGITS, ""),
        ((LOGITS, {"features": [OTHER]}), "the first of 2 outputs"),
        ([LOGITS, OTHER, OTHER], "the first of 3 outputs"),
        ((LOGITS,), "the first of 1 outputs"),
        ({"features": OTHER, "logits": LOGITS}, "the output 'logits' (beside features)"),
        ({"logits": LOGITS, "hidden": [1]}, "the output 'logits' (beside hidden)"),
        ({"logits": LOGITS}, ""),
        (ModelOutput(loss=None, logits=LOGITS), "the output 'logits' (beside loss)"),
        (Output(LOGITS, OTHER), ".logits of its Output"),
        (Named(OTHER, LOGITS), ".logits of its Named"),
    ],
)
def test_the_logits_are_taken_where_it_is_clear_which_they_are(returned: Any, words: str) -> None:
    found, said = answer_of(returned)
    assert found is LOGITS
    assert said == words


def test_several_outputs_by_name_stay_several() -> None:
    both = {"boxes": LOGITS, "scores": OTHER}
    assert answer_of(both) == (both, "")


@pytest.mark.parametrize(
    ("returned", "kind"),
    [
        ({"out": LOGITS, "aux": [OTHER]}, r"a mapping with out \(Tensor\), aux \(list\)"),
        ({}, "a mapping with nothing"),
        (([LOGITS], OTHER), "a tuple of list, Tensor"),
        ((), "a tuple of nothing"),
        (None, "a NoneType"),
    ],
)
def test_what_is_unclear_gets_a_sentence(returned: Any, kind: str) -> None:
    with pytest.raises(SpikedistillError, match=f"Net returns {kind}, of which it is not clear"):
        answer_of(returned, "Net")
