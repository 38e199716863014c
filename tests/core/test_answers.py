"""Which of a network's outputs are its logits."""

from __future__ import annotations

import copy
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikedistill.core.answers import CHOSEN, Wanted, answer_of, choose
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.tree import first

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


SCORES, VECTORS, MAPS = torch.rand(2, 4), torch.rand(2, 32), torch.rand(2, 8, 4, 4)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ((VECTORS, SCORES), "number 2 of 2 outputs"),
        ((SCORES, torch.rand(2, 4)), "the first of 2 outputs"),
        ((MAPS, [VECTORS], SCORES), "number 3 of 3 outputs"),
        ({"emb": VECTORS, "y_hat": SCORES}, "the output 'y_hat' (beside emb)"),
        ({"maps": MAPS, "parts": [MAPS], "y": SCORES}, "the output 'y' (beside maps, parts)"),
        ({"logits": SCORES, "other": torch.rand(2, 4)}, "the output 'logits' (beside other)"),
        (Named(VECTORS, SCORES), ".logits of its Named"),
        (Output(VECTORS, SCORES), ".features of its Output"),
    ],
)
def test_of_several_outputs_the_one_with_the_classes_is_chosen(returned: Any, words: str) -> None:
    network = nn.Identity()
    choose(returned, Wanted(4), network)
    for one in (network, copy.deepcopy(network)):
        found, said = answer_of(returned, one)
        assert first(found) is SCORES
        assert said == words


def test_outputs_by_name_stay_beside_the_one_that_is_chosen() -> None:
    network = nn.Identity()
    returned = {"emb": VECTORS, "loss": torch.zeros(()), "y": SCORES}
    choose(returned, Wanted(4), network)
    found, _ = answer_of(returned, network)
    assert isinstance(found, dict) and list(found) == ["y", "emb"]


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (
            (VECTORS, torch.rand(2, 9)),
            r"\(the first \[N, 32\], number 2 \[N, 9\]\).*none of them ha",
        ),
        (
            {"a": VECTORS, "b": SCORES, "c": SCORES},
            r"c \[N, 4\]\).* 2 of them have the form \[N, 4",
        ),
        ((torch.rand(2, 9), VECTORS), r"of the 4 classes; let it return them .* \(classes\)"),
    ],
)
def test_none_or_several_that_fit_are_refused(returned: Any, sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=f"Identity returns several outputs .*{sentence}"):
        choose(returned, Wanted(4), nn.Identity())


def test_a_score_for_each_place_has_more_axes() -> None:
    network, places = nn.Identity(), torch.rand(2, 7, 4)
    choose((SCORES, places), Wanted(4, 3), network)
    assert answer_of((SCORES, places), network)[0] is places


def test_one_output_leaves_nothing_to_choose() -> None:
    network = nn.Identity()
    choose((VECTORS, SCORES), Wanted(4), network)
    for returned in (VECTORS, (VECTORS,), Output(VECTORS), [[VECTORS], []]):
        choose(returned, Wanted(4), network)
        assert not hasattr(network, CHOSEN)
