"""What a sample is, and how a message shows it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._pair import pair_of, shown

IMAGE = torch.zeros(3, 8, 8)


def test_what_follows_the_pair_is_left_alone() -> None:
    assert pair_of((IMAGE, 1, "a.png"), class_second=True) == (IMAGE, 1)
    assert pair_of([IMAGE, IMAGE]) == (IMAGE, IMAGE)  # an image to an image is no classification


@pytest.mark.parametrize(
    ("sample", "sentence"),
    [
        (None, "^is None; expected is a pair"),
        ((IMAGE,), "^is a tuple of 1; expected is a pair"),
        ({"x": 1, "y": 2}, "^is a mapping with x, y; expected is a pair"),
        (IMAGE, "^is a Tensor; expected is a pair"),
        ((7, IMAGE, 1), r"^is \(int, Tensor \(3, 8, 8\), int\); .* as \(image, label\): wrap"),
    ],
)
def test_other_samples_are_refused(sample: Any, sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        pair_of(sample, class_second=True)


def test_only_short_values_are_shown_whole() -> None:
    assert shown(torch.tensor([1, 0])) == "[1, 0]" and shown("cat") == "'cat'"
    assert shown(IMAGE) == "Tensor (3, 8, 8) of float32"
    assert shown(np.zeros(9, np.uint8)) == "ndarray (9,) of uint8"
    assert len(shown(list(range(1000)))) < 50
