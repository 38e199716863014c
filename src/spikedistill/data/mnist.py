"""MNIST: 60,000 + 10,000 handwritten digits of 28x28 (LeCun, Cortes and Burges, 1998)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikedistill.data._dataset import Source
from spikedistill.data._files import Form, OfficialFile
from spikedistill.data._idx import load_idx
from spikedistill.data._published import Published

FORM = Form(
    "MNIST/raw",
    train=(
        OfficialFile("train-images-idx3-ubyte", 47_040_016, "6bbc9ace898e44ae57da46a324031adb"),
        OfficialFile("train-labels-idx1-ubyte", 60_008, "a25bea736e30d166cdddb491f175f624"),
    ),
    test=(
        OfficialFile("t10k-images-idx3-ubyte", 7_840_016, "2646ac647ad5339dbf082846283269ea"),
        OfficialFile("t10k-labels-idx1-ubyte", 10_008, "27ae3e4e09519cfbb04c329615203637"),
    ),
)


def published(options: Mapping[str, Any]) -> Published | None:
    """What is known without the files."""
    return Published(10, (1, 28, 28), 60_000, 10_000)


def load(root: Path) -> Source:
    """MNIST from the idx files, plain or gzip, in `MNIST/raw` under `root`.

    Raises:
        SpikedistillError: if a file is missing or damaged.
    """
    return load_idx(
        root,
        FORM,
        name="mnist",
        title="MNIST",
        origin="the MNIST page of Yann LeCun (yann.lecun.com/exdb/mnist)",
        classes=tuple("0123456789"),
        mean=0.1307,
        std=0.3081,
    )
