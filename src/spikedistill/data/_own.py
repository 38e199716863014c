"""A user's own data: whatever a factory returns, or was handed over, as a source of splits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from torch.utils.data import Dataset

from spikedistill.core.calls import make
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.speech import remedy
from spikedistill.data._dataset import DataSet, Samples, Source, Split, labels_of, length
from spikedistill.data._images import as_image, read_channels_first
from spikedistill.data._own_facts import class_names, said_of, statistics
from spikedistill.data._own_samples import (
    IMAGES,
    VECTORS,
    Looked,
    Wanted,
    look,
    sample_of,
    task_of_sample,
)

_PARTS: tuple[str, ...] = ("train", "valid", "test")
_FACTS = ("classes", "mean", "std", "task", "collate")


def own_data(call: str, options: Mapping[str, Any], seed: int) -> Source | DataSet:
    """What the factory `package.module:name` returns, called with `options`.

    Raises:
        SpikedistillError: if the factory cannot be found or called, or see `as_source`.
    """
    return as_source(call, make(call, options), seed)


def as_source(name: str, made: Any, seed: int) -> Source | DataSet:
    """Data of a user's own as a source.

    It may be a torch `Dataset` of (inputs, target), a tuple (train, test) or (train, valid, test)
    of them, a mapping with these keys (and, if it likes, `classes`, `mean`, `std`, `task`,
    `collate`), or a finished `DataSet`. Where no task is named, it is seen from the first sample:
    images `[C, H, W]` or frames, else vectors `[D]` and signals `[C, L]` of one length.

    What can be seen of the samples without reading all of a large set is checked here, by value:
    see `data._own_samples`.

    Args:
        name: how messages call the data.
        made: the data.
        seed: fixes which samples are looked at.

    Raises:
        SpikedistillError: if it is something else, or a sample is not what its task needs; the
            message names the sample.
    """
    if isinstance(made, DataSet | Source):
        return made
    parts = _parts(name, made)
    splits = {part: parts[part] for part in _PARTS if parts.get(part) is not None}
    for part, split in splits.items():
        if not length(split):
            raise SpikedistillError(f"data {name} has 0 samples as {part}, and some are needed")
    train, collate = parts["train"], parts.get("collate")
    task = parts.get("task") or task_of_sample(name, train, collate)
    asked = task in (IMAGES, VECTORS)
    classes = class_names(name, said_of(parts, train, "classes"), needed=asked)
    wanted = Wanted(task, collate is not None, classes is None)
    looked = {part: look(name, part, split, seed, wanted) for part, split in splits.items()}
    mean, std = _statistics(name, train, parts, looked["train"])
    splits = {part: one.split for part, one in looked.items()}
    return Source(
        name,
        splits["train"],
        splits.get("test"),
        _counted(looked) if classes is None else classes,
        mean,
        std,
        splits.get("valid"),
        hashes={part: _fingerprint(split) for part, split in splits.items()},
        notes=(
            *_notes(name, train, "test" in splits, wanted.pictures),
            *(note for one in looked.values() for note in one.notes),
        ),
        task=task,
        collate=collate,
        counted=classes is None and not looked["train"].shares,
    )


def _parts(name: str, made: Any) -> dict[str, Any]:
    parts: dict[str, Any]
    if isinstance(made, Mapping):
        parts = dict(made)
    elif isinstance(made, tuple | list) and len(made) in (2, 3):
        names = _PARTS if len(made) == 3 else ("train", "test")
        parts = dict(zip(names, made, strict=True))
    else:
        parts = {"train": made}
    unknown = sorted(set(parts) - {*_PARTS, *_FACTS})
    if unknown or "train" not in parts:
        raise SpikedistillError(
            f"data {name} {remedy('returned', 'is')} a mapping with {sorted(map(str, parts))}; "
            f"expected are train, and if there are any valid, test, {', '.join(_FACTS)}"
        )
    for key in _PARTS:
        part = parts.get(key)
        if part is not None and not isinstance(part, Split | Dataset):
            raise SpikedistillError(
                f"data {name} {remedy('returned', 'has')} {type(part).__name__} as {key}; "
                "expected is a torch Dataset of (image, label), or a tuple or mapping of them "
                "(train, valid, test)"
            )
    return parts


def _counted(looked: Mapping[str, Looked]) -> tuple[str, ...]:
    """As many classes as labels need."""
    return tuple(map(str, range(max(one.classes for one in looked.values()))))


def _statistics(
    name: str, train: Samples, parts: Mapping[str, Any], looked: Looked
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Mean and standard deviation per channel: given, or of some training images."""
    mean, std = (said_of(parts, train, fact) for fact in ("mean", "std"))
    given = statistics(name, mean, std, looked.channels)
    if given is not None:
        return given
    if looked.images is None:
        return None, None
    images = looked.images.flatten(0, -4)  # frames [N, T, C, H, W] count as images
    channels = images.transpose(0, 1).flatten(1)
    found = channels.mean(1), channels.std(1).clamp_min(1e-6)
    mean, std = (tuple(round(value, 4) for value in x.tolist()) for x in found)
    return mean, std


def _fingerprint(split: Samples) -> str:
    """What can be known of a split without reading it: all of images in memory, else labels."""
    labels = labels_of(split)
    digest = hashlib.md5(str(length(split)).encode(), usedforsecurity=False)
    for value in (split.images if isinstance(split, Split) else None, labels):
        if value is not None:
            digest.update(value.cpu().contiguous().numpy().tobytes())
    return f"md5:{digest.hexdigest()}"


def _notes(name: str, train: Samples, tested: bool, pictures: bool) -> tuple[str, ...]:
    notes: list[str] = []
    own = remedy("return (train, test)", "give test=..., or (train, test),")
    if not tested:
        notes.append(
            f"data {name} has no test split: a tenth of its {length(train):,} samples is held out "
            f"as one; {own} to test on data of your own."
        )
    if isinstance(train, Split) or not pictures:
        return tuple(notes)
    raw = sample_of(name, "train", train, 0)[0]
    image = as_image(raw)
    if image.dim() == 3 and float(image.max()) > 16:
        notes.append(
            f"data {name} has images with values up to {float(image.max()):.0f}; networks "
            "train best on uint8 images, or floats from 0 to 1."
        )
    if read_channels_first(raw):
        notes.append(
            f"data {name} has numpy images of shape {tuple(raw.shape)}, which are read with "
            "channels first; give a torch tensor to say so yourself."
        )
    return tuple(notes)
