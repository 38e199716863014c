"""Fashion-MNIST: 60,000 + 10,000 grey images of clothes, 28x28 (Xiao, Rasul, Vollgraf, 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikedistill.data._dataset import Source
from spikedistill.data._files import Form, OfficialFile
from spikedistill.data._idx import load_idx
from spikedistill.data._published import Published

FORM = Form(
    "FashionMNIST/raw",
    train=(
        OfficialFile("train-images-idx3-ubyte", 47_040_016, "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
        OfficialFile("train-labels-idx1-ubyte", 60_008, "9018921c3c673c538a1fc5bad174d6f9"),
    ),
    test=(
        OfficialFile("t10k-images-idx3-ubyte", 7_840_016, "8181f5470baa50b63fa0f6fddb340f0a"),
        OfficialFile("t10k-labels-idx1-ubyte", 10_008, "15d484375f8d13e6eb1aabb0c3f46965"),
    ),
)
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def published(options: Mapping[str, Any]) -> Published | None:
    """What is known without the files."""
    return Published(10, (1, 28, 28), 60_000, 10_000)


def load(root: Path) -> Source:
    """Fashion-MNIST from the idx files, plain or gzip, in `FashionMNIST/raw` under `root`.

    Raises:
        SpikedistillError: if a file is missing or damaged.
    """
    return load_idx(
        root,
        FORM,
        name="fashion-mnist",
        title="Fashion-MNIST",
        origin="the Fashion-MNIST page of Zalando Research (github.com/zalandoresearch)",
        classes=CLASSES,
        mean=0.2860,
        std=0.3530,
    )
