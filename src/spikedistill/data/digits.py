"""Digits: 1,797 handwritten digits of 8x8 that come with scikit-learn; nothing to download.

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998 (its test part).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spikedistill.data._dataset import Source, Split, carve

TEST_SHARE = 0.2
TEST_SEED = 0
"""The test split is the same whatever the seed of a run, so that figures can be compared."""


def load(root: Path | None = None) -> Source:
    """The digits, with a fixed test split of a fifth, stratified by class.

    Args:
        root: not looked at; the data come with scikit-learn.
    """
    from sklearn.datasets import load_digits  # takes a second: only who asks for it pays

    bunch: Any = load_digits()
    # Intensities are whole numbers from 0 to 16.
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    everything = Split(torch.from_numpy(pixels), torch.from_numpy(bunch.target.astype("i8")))
    test, train = carve(everything, [TEST_SHARE], TEST_SEED)
    assert isinstance(train, Split) and isinstance(test, Split)
    scaled = train.images.float() / 255
    md5 = hashlib.md5(pixels.tobytes(), usedforsecurity=False).hexdigest()
    return Source(
        "digits",
        train=train,
        test=test,
        classes=tuple("0123456789"),
        mean=(round(scaled.mean().item(), 4),),
        std=(round(scaled.std().item(), 4),),
        hashes={"digits": f"md5:{md5}"},
    )
