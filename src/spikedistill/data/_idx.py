"""Reader of the idx format (LeCun): a magic number, the sizes, then the bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._dataset import Source, Split
from spikedistill.data._files import Folder, Form, OfficialFile, find_form

_UINT8 = 0x08


def read_idx(folder: Folder, file: OfficialFile, dimensions: int) -> np.ndarray:
    """The uint8 array of an idx file, plain or gzip.

    The first four bytes are 0, 0, the type of the elements and the number of dimensions; then
    comes each size as a big-endian 32-bit number.

    Raises:
        SpikedistillError: if the file is missing or damaged, or holds something else.
    """
    content = folder.read(file)
    path = folder.path / file.name
    expected = bytes((0, 0, _UINT8, dimensions))
    if content[:4] != expected:
        what = f"it begins with {content[:4].hex()} instead of {expected.hex()}"
        raise folder.damaged(file, path, what)
    head = 4 + 4 * dimensions
    sizes = np.frombuffer(content[4:head], ">u4").astype(int)
    if len(content) - head != sizes.prod():
        announced = " x ".join(map(str, sizes))
        raise folder.damaged(
            file, path, f"it announces {announced} values and holds {len(content) - head:,}"
        )
    return np.frombuffer(content, np.uint8, offset=head).reshape(tuple(sizes))


def load_idx(
    root: Path,
    form: Form,
    *,
    name: str,
    title: str,
    origin: str,
    classes: tuple[str, ...],
    mean: float,
    std: float,
) -> Source:
    """A data set of four idx files: images and labels for training, images and labels for test."""
    folder, form = find_form(root, (form,), title=title, origin=origin)
    return Source(
        name,
        train=_split(folder, *form.train),
        test=_split(folder, *form.test),
        classes=classes,
        mean=(mean,),
        std=(std,),
        hashes=folder.hashes,
        notes=folder.notes(),
    )


def _split(folder: Folder, images: OfficialFile, labels: OfficialFile) -> Split:
    pixels = read_idx(folder, images, 3)[:, None]
    classes = read_idx(folder, labels, 1).astype(np.int64)
    if len(pixels) != len(classes):
        raise SpikedistillError(
            f"{folder.title}: {images.name} holds {len(pixels):,} images and {labels.name} "
            f"{len(classes):,} labels; fetch both again from {folder.origin}"
        )
    return Split(torch.from_numpy(pixels.copy()), torch.from_numpy(classes))
