"""A user's own data: whatever a factory returns, as a source of splits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset

from spikedistill.core.calls import make
from spikedistill.core.errors import SpikedistillError
from spikedistill.data._dataset import (
    DataSet,
    Samples,
    Source,
    Split,
    labels_of,
    length,
    stratified_order,
)
from spikedistill.data._images import as_image

PROBES = 512
"""How many images the channel statistics are taken from."""
_PARTS: tuple[str, ...] = ("train", "valid", "test")
_FACTS = ("classes", "mean", "std", "task", "collate")
IMAGES, VECTORS = "image_classification", "vector_classification"


def own_data(call: str, options: Mapping[str, Any], seed: int) -> Source | DataSet:
    """What the factory `package.module:name` returns, called with `options`.

    It may return a torch `Dataset` of (inputs, target), a tuple (train, test) or (train, valid,
    test) of them, a mapping with these keys (and, if it likes, `classes`, `mean`, `std`, `task`,
    `collate`), or a finished `DataSet`. Where no task is named, it is seen from the first sample:
    images `[C, H, W]` or frames, else vectors `[D]` and signals `[C, L]` of one length.

    Raises:
        SpikedistillError: if the factory cannot be found or called, or returns something else.
    """
    made = make(call, options)
    if isinstance(made, DataSet | Source):
        return made
    parts = _parts(call, made)
    splits = {name: parts[name] for name in _PARTS if parts.get(name) is not None}
    train = parts["train"]
    task = parts.get("task") or _task(call, train, parts.get("collate"))
    pictures = task == IMAGES and parts.get("collate") is None
    for name, split in splits.items():
        _check(call, name, split, pictures)
    classes = _classes(train, parts.get("classes"))
    mean, std = _statistics(train, parts, seed, pictures)
    return Source(
        call,
        train,
        parts.get("test"),
        classes,
        mean,
        std,
        parts.get("valid"),
        hashes={name: _fingerprint(split) for name, split in splits.items()},
        notes=_notes(call, train, "test" in splits, pictures),
        task=task,
        collate=parts.get("collate"),
    )


def _task(call: str, train: Samples, collate: Any) -> str:
    """The task of data that name none.

    Raises:
        SpikedistillError: if the first sample does not tell.
    """
    if isinstance(train, Split) or not length(train):
        return IMAGES
    sample = train[0]
    pair = isinstance(sample, tuple | list) and bool(sample)
    inputs = sample[0] if pair else sample
    if (pair and isinstance(inputs, Mapping)) or collate is not None:
        raise SpikedistillError(
            f"data {call} has inputs of several names, or makes its own batches, and names no "
            "task; return a mapping with `task` too, as {'train': ..., 'task': "
            "'sequence_classification'} (`spikedistill list tasks`)"
        )
    shape = getattr(inputs, "shape", None)
    return VECTORS if shape is not None and len(shape) in (1, 2) and _floats(inputs) else IMAGES


def _floats(inputs: Any) -> bool:
    return isinstance(inputs, torch.Tensor) and inputs.is_floating_point()


def _check(call: str, name: str, split: Samples, pictures: bool) -> None:
    """Refuse a split whose first sample is no (image, label), or no (inputs, target)."""
    if not length(split):
        raise SpikedistillError(f"data {call} returned 0 samples as {name}, and some are needed")
    if isinstance(split, Split):
        return
    sample = split[0]
    if not pictures:
        return
    where = f"the first sample of {name} of data {call}"
    if not isinstance(sample, tuple | list) or len(sample) < 2:
        raise SpikedistillError(
            f"{where} is {_kind(sample)}; expected is a pair (image, label): wrap the data set in "
            "one that returns such pairs"
        )
    image, label = as_image(sample[0]), torch.as_tensor(sample[1])
    if image.dim() not in (3, 4):
        raise SpikedistillError(
            f"{where} has an image of shape {tuple(image.shape)}; expected is [C, H, W], also for "
            "one channel, or [T, C, H, W] for frames"
        )
    if not bool(image.isfinite().all()):
        raise SpikedistillError(f"{where} has an image with values that are not finite")
    soft = label.dim() == 1 and label.is_floating_point()
    if not soft and (label.numel() != 1 or label.is_floating_point()):
        raise SpikedistillError(
            f"{where} has the label {label.tolist()!r}; expected is the number of a class, a whole "
            "number from 0 on, or a share for each class"
        )


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        return f"a mapping with {', '.join(map(str, value))}"
    return f"a {type(value).__name__}" + (f" of {len(value)}" if isinstance(value, tuple) else "")


def _fingerprint(split: Samples) -> str:
    """What can be known of a split without reading it: all of images in memory, else labels."""
    labels = labels_of(split)
    digest = hashlib.md5(str(length(split)).encode(), usedforsecurity=False)
    for value in (split.images if isinstance(split, Split) else None, labels):
        if value is not None:
            digest.update(value.cpu().contiguous().numpy().tobytes())
    return f"md5:{digest.hexdigest()}"


def _notes(call: str, train: Samples, tested: bool, pictures: bool) -> tuple[str, ...]:
    notes: list[str] = []
    if not tested:
        notes.append(
            f"data {call} has no test split: a tenth of its {length(train):,} samples is held out "
            "as one; return (train, test) to test on data of your own."
        )
    if not isinstance(train, Split) and pictures:
        image = as_image(train[0][0])
        if image.dim() == 3 and float(image.max()) > 16:
            notes.append(
                f"data {call} has images with values up to {float(image.max()):.0f}; networks "
                "train best on uint8 images, or floats from 0 to 1."
            )
    return tuple(notes)


def _parts(call: str, made: Any) -> dict[str, Any]:
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
            f"data {call} returned a mapping with {sorted(parts)}; expected are train, and if "
            f"there are any valid, test, {', '.join(_FACTS)}"
        )
    for name in _PARTS:
        part = parts.get(name)
        if part is not None and not isinstance(part, Split | Dataset):
            raise SpikedistillError(
                f"data {call} returned {type(part).__name__} as {name}; expected is a torch "
                f"Dataset of (image, label), or a tuple or mapping of them (train, valid, test)"
            )
    return parts


def _classes(train: Samples, given: Sequence[str] | int | None) -> tuple[str, ...]:
    given = getattr(train, "classes", None) if given is None else given
    if isinstance(given, int):
        return tuple(map(str, range(given)))
    if given is not None:
        return tuple(map(str, given))
    labels = labels_of(train)
    if labels is None:
        assert not isinstance(train, Split)  # a Split knows its labels
        try:
            first = torch.as_tensor(train[0][1])
        except (TypeError, ValueError, RuntimeError, KeyError, IndexError):
            return ()
        if first.dim() > 1 or (first.dim() == 1 and not first.is_floating_point()):
            return ()
        if first.is_floating_point() and not first.dim():
            return ()
        if first.dim() == 1:
            return tuple(map(str, range(len(first))))
        labels = torch.tensor([int(train[i][1]) for i in range(length(train))])
    return tuple(map(str, range(int(labels.max()) + 1)))


def _statistics(
    train: Samples, parts: Mapping[str, Any], seed: int, pictures: bool
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Mean and standard deviation per channel: given, or of some training images."""
    mean = parts.get("mean", getattr(train, "mean", None))
    std = parts.get("std", getattr(train, "std", None))
    if isinstance(mean, Sequence) and isinstance(std, Sequence):
        return tuple(map(float, mean)), tuple(map(float, std))
    if not pictures:
        return None, None
    probes = stratified_order(length(train), None, seed)[:PROBES].tolist()
    if isinstance(train, Split):
        images = train.images[probes].float() / 255
    else:
        images = torch.stack([as_image(train[i][0]) for i in probes])
    images = images.flatten(0, -4)  # frames [N, T, C, H, W] count as images
    channels = images.transpose(0, 1).flatten(1)
    found = channels.mean(1), channels.std(1).clamp_min(1e-6)
    mean, std = (tuple(round(value, 4) for value in x.tolist()) for x in found)
    return mean, std
