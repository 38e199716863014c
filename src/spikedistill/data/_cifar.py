"""Readers of the two forms in which CIFAR-10 and CIFAR-100 come: binary records and pickles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from spikedistill.data._dataset import Split
from spikedistill.data._files import Folder, OfficialFile
from spikedistill.data._pickles import BrokenPickleError, load_arrays

ORIGIN = "the CIFAR page of Alex Krizhevsky, University of Toronto (www.cs.toronto.edu/~kriz)"
PIXELS = 3 * 32 * 32


def read_binary(
    folder: Folder, files: Sequence[OfficialFile], *, label_bytes: int, label: int
) -> Split:
    """Records of `label_bytes` labels and 3072 pixels, red, green and blue planes in turn.

    Args:
        folder: where the files lie.
        files: the files of one split, in order.
        label_bytes: how many label bytes lead each record (CIFAR-10: 1, CIFAR-100: 2).
        label: which of them is the class.
    """
    images, labels = [], []
    for file in files:
        records = np.frombuffer(folder.read(file), np.uint8)
        records = records.reshape(-1, label_bytes + PIXELS)
        images.append(records[:, label_bytes:])
        labels.append(records[:, label])
    return _split(images, labels)


def read_pickled(folder: Folder, files: Sequence[OfficialFile], *, key: bytes) -> Split:
    """Pickled mappings of `data` `[N, 3072]` and the labels under `key`."""
    images, labels = [], []
    for file in files:
        path = folder.path / file.name
        content = folder.read(file, exact_size=False)
        try:
            record = load_arrays(content, str(path))
        except BrokenPickleError as fault:
            raise folder.damaged(file, path, f"{len(content):,} bytes do not unpickle") from fault
        data = record.get(b"data") if isinstance(record, dict) else None
        classes = record.get(key) if isinstance(record, dict) else None
        expected = np.uint8, (len(classes or ()), PIXELS)
        if not isinstance(data, np.ndarray) or (data.dtype, data.shape) != expected:
            raise folder.damaged(file, path, f"it holds no {PIXELS}-pixel images with {key!r}")
        images.append(data)
        labels.append(np.asarray(classes))
    return _split(images, labels)


def read_names(path: Path) -> tuple[str, ...] | None:
    """The class names of a text file, one a line; None where there is no such file."""
    if not path.is_file():
        return None
    return tuple(line.strip() for line in path.read_text().splitlines() if line.strip())


def _split(images: list[np.ndarray], labels: list[np.ndarray]) -> Split:
    pixels = np.concatenate(images).reshape(-1, 3, 32, 32)
    return Split(torch.from_numpy(pixels), torch.from_numpy(np.concatenate(labels).astype("i8")))
