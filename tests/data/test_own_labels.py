"""What a label must be, and whether a data set says the truth of its labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._own_labels import Label, disagreement, label_of


@pytest.mark.parametrize(
    ("given", "label"),
    [
        (3, Label(4, False, 3)),
        (True, Label(2, False, 1)),
        (np.bool_(False), Label(1, False, 0)),
        (torch.tensor([2], dtype=torch.uint8), Label(3, False, 2)),
        (torch.tensor([0.1, 0.7, 0.2]), Label(3, True, 1)),
    ],
)
def test_a_class_or_a_share_for_each(given: Any, label: Label) -> None:
    assert label_of("it", given, True) == label


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (torch.tensor([0, 1, 0]), r"label \[0, 1, 0\].* with .float\(\), or .* .argmax\(1\)"),
        (torch.zeros(3, 8, 8), r"has the label Tensor \(3, 8, 8\) of float32; expected"),
        (0.5, "a real number asks for a regression"),
        (None, "has the label None"),
        ([1, 2], r"has the label \[1, 2\]; expected .* for each class$"),
    ],
)
def test_what_is_no_class(given: Any, sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        label_of("it", given, True)
    assert label_of("it", given, False) == Label()


def test_what_a_data_set_says_is_compared_with_what_it_returns() -> None:
    said = torch.tensor([0, 3, 6])
    assert disagreement(said, {0: Label(1, False, 0), 2: Label(3, False, 2)}) == 2
    assert disagreement(said, {1: Label(4, True, 3), 2: Label()}) is None
    assert disagreement(None, {0: Label(1, False, 0)}) is None
