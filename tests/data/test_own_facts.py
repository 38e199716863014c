"""Classes, mean and deviation in whatever form a user has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._own_facts import class_names, said_of, statistics

FOUR = tuple("0123")


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (4, FOUR),
        (4.0, FOUR),
        (np.int64(4), FOUR),
        (torch.tensor(4), FOUR),
        (np.array(["a", "b"]), ("a", "b")),
        ("ab", ("a", "b")),
        ({"cat": 1, "ant": 0}, ("ant", "cat")),
        ({"b", "a"}, ("a", "b")),
        (None, None),
    ],
)
def test_classes(given: Any, names: tuple[str, ...] | None) -> None:
    assert class_names("mine", given) == names


@pytest.mark.parametrize("given", [0, -1, [], 4.5, True, "10", object()])
def test_what_says_no_classes(given: Any) -> None:
    with pytest.raises(SpikedistillError, match=r"has .* as classes; expected is their number"):
        class_names("mine", given)
    if given in (0, []):
        assert class_names("mine", given, needed=False) == ()  # targets are none


def test_a_method_says_nothing() -> None:
    class Data:
        classes = 3

        def mean(self) -> float:
            return 0.0

    assert said_of({}, Data(), "classes") == 3 and said_of({"classes": 4}, Data(), "classes") == 4
    assert said_of({}, Data(), "mean") is None and said_of({"mean": None}, Data(), "std") is None


@pytest.mark.parametrize(
    "mean", [0.5, [0.5] * 3, np.full(3, 0.5), torch.full((3,), 0.5), (np.float32(0.5),) * 3]
)
def test_mean_and_deviation(mean: Any) -> None:
    assert statistics("mine", mean, (1, 2, 3), 3) == ((0.5,) * 3, (1.0, 2.0, 3.0))


@pytest.mark.parametrize(
    ("mean", "std", "sentence"),
    [
        ([0.5] * 3, None, "has a mean and no std; give both, or neither"),
        (None, 1.0, "has a std and no mean"),
        ([0.5], [1.0], "a sample of 3 channels and 1 in its mean"),
        (["a"] * 3, [1.0] * 3, r"has \['a', 'a', 'a'\] as mean; expected is a number"),
        (0.5, 0, "every deviation must be positive"),
        (0.5, float("nan"), "has nan as std"),
        ("imagenet", 1.0, "has 'imagenet' as mean"),
        ([], [], r"has \[\] as mean"),
    ],
)
def test_what_is_no_mean_or_deviation(mean: Any, std: Any, sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        statistics("mine", mean, std, 3)
    assert statistics("mine", None, None, 3) is None
