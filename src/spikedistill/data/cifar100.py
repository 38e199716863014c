"""CIFAR-100: 50,000 + 10,000 colour images of 32x32 in 100 classes (Krizhevsky, 2009)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from spikedistill.data._cifar import ORIGIN, read_binary, read_names, read_pickled
from spikedistill.data._dataset import Source
from spikedistill.data._files import Folder, Form, OfficialFile, find_form
from spikedistill.data._pickles import load_arrays
from spikedistill.data._published import Published

PYTHON = Form(
    "cifar-100-python",
    train=(OfficialFile("train", 155_249_918, "16019d7e3df5f24257cddd939b257f8d"),),
    test=(OfficialFile("test", 31_049_707, "f0ef6b0ae62326f3e7ffdfab6717acfc"),),
)
BINARY = Form(
    "cifar-100-binary",
    train=(OfficialFile("train.bin", 153_700_000, "6172c7755cfe09b2fe270c85cebc1b15"),),
    test=(OfficialFile("test.bin", 30_740_000, "4499cfba6c016c1be1438163640a0898"),),
)
META = OfficialFile("meta", 1_473, "7973b15100ade9c7d40fb424638fde48")

Labels = Literal["fine", "coarse"]
COUNTS = {"fine": 100, "coarse": 20}


def published(options: Mapping[str, Any]) -> Published | None:
    """What is known without the files."""
    classes = 20 if options.get("labels") == "coarse" else 100
    return Published(classes, (3, 32, 32), 50_000, 10_000)


def load(root: Path, labels: Labels = "fine") -> Source:
    """CIFAR-100 from `cifar-100-binary` or `cifar-100-python` under `root`.

    Args:
        root: the folder of the data sets.
        labels: `fine` (100 classes) or `coarse` (20 superclasses).

    Raises:
        SpikedistillError: if a file is missing or damaged, or a pickle asks for more than arrays.
    """
    folder, form = find_form(root, (BINARY, PYTHON), title="CIFAR-100", origin=ORIGIN)
    # A record leads with the coarse label, then the fine one.
    binary = partial(read_binary, label_bytes=2, label=int(labels == "fine"))
    pickled = partial(read_pickled, key=f"{labels}_labels".encode())
    read = binary if form is BINARY else pickled
    return Source(
        "cifar100",
        train=read(folder, form.train),
        test=read(folder, form.test),
        classes=_names(folder, form, labels),
        mean=(0.5071, 0.4867, 0.4408),
        std=(0.2675, 0.2565, 0.2761),
        hashes=folder.hashes,
        notes=folder.notes(),
    )


def _names(folder: Folder, form: Form, labels: Labels) -> tuple[str, ...]:
    """The class names that lie beside the images, or numbers where they are not there."""
    names = None
    if form is BINARY:
        names = read_names(folder.path / f"{labels}_label_names.txt")
    elif (folder.path / META.name).is_file():
        path = folder.path / META.name
        meta = load_arrays(folder.read(META, exact_size=False), str(path))
        found = meta.get(f"{labels}_label_names".encode()) if isinstance(meta, dict) else None
        names = tuple(name.decode() for name in found) if found else None
    numbers = tuple(map(str, range(COUNTS[labels])))
    return names if names is not None and len(names) == len(numbers) else numbers
