"""CIFAR-10: 50,000 + 10,000 colour images of 32x32 in 10 classes (Krizhevsky, 2009)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from spikedistill.data._cifar import ORIGIN, read_binary, read_pickled
from spikedistill.data._dataset import Source
from spikedistill.data._files import Form, OfficialFile, find_form
from spikedistill.data._published import Published

BINARY = Form(
    "cifar-10-batches-bin",
    train=(
        OfficialFile("data_batch_1.bin", 30_730_000, "5dd7e06a14cb22eb9f671a540d1b7c25"),
        OfficialFile("data_batch_2.bin", 30_730_000, "5ea93a67294ea407fff1d09f752e9692"),
        OfficialFile("data_batch_3.bin", 30_730_000, "942cd6a4bcdd0dd3c604fbe906cb4421"),
        OfficialFile("data_batch_4.bin", 30_730_000, "ae636b3ba5c66a11e91e8cb52e771fcb"),
        OfficialFile("data_batch_5.bin", 30_730_000, "53f37980c15c3d472c316c40844f3f0d"),
    ),
    test=(OfficialFile("test_batch.bin", 30_730_000, "803d5f7f4d78ea53de84dbe85f74fb6d"),),
)
PYTHON = Form(
    "cifar-10-batches-py",
    train=(
        OfficialFile("data_batch_1", 31_035_704, "c99cafc152244af753f735de768cd75f"),
        OfficialFile("data_batch_2", 31_035_320, "d4bba439e000b95fd0a9bffe97cbabec"),
        OfficialFile("data_batch_3", 31_035_999, "54ebc095f3ab1f0389bbae665268c751"),
        OfficialFile("data_batch_4", 31_035_696, "634d18415352ddfa80567beed471001a"),
        OfficialFile("data_batch_5", 31_035_623, "482c414d41f54cd18b22e5b47cb7c3cb"),
    ),
    test=(OfficialFile("test_batch", 31_035_526, "40351d587109b95175f43aff81a1287e"),),
)
CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())


def published(options: Mapping[str, Any]) -> Published | None:
    """What is known without the files."""
    return Published(10, (3, 32, 32), 50_000, 10_000)


def load(root: Path) -> Source:
    """CIFAR-10 from `cifar-10-batches-bin` or `cifar-10-batches-py` under `root`.

    Raises:
        SpikedistillError: if a file is missing or damaged, or a pickle asks for more than arrays.
    """
    folder, form = find_form(root, (BINARY, PYTHON), title="CIFAR-10", origin=ORIGIN)
    binary = partial(read_binary, label_bytes=1, label=0)
    pickled = partial(read_pickled, key=b"labels")
    read = binary if form is BINARY else pickled
    return Source(
        "cifar10",
        train=read(folder, form.train),
        test=read(folder, form.test),
        classes=CLASSES,
        # The figures that published recipes use; this std is a mean over images.
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2023, 0.1994, 0.2010),
        hashes=folder.hashes,
        notes=folder.notes(),
    )
