"""Data sets by name, or made by a user's own function, with their splits."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from spikedistill.core.catalogue import Catalogue
from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.data._dataset import DataSet, Samples, Source, carve, labels_of, length
from spikedistill.data._files import data_root
from spikedistill.data._label_noise import check_label_noise, noisy
from spikedistill.data._own import as_source, own_data

DATA = Catalogue(
    __package__ or "",
    "data set",
    lambda value: inspect.isfunction(value) and value.__name__ == "load",
    "a function that returns a torch Dataset, several, or a DataSet",
    accepts=callable,
    dashes=True,
)
"""All data sets by name: the `load` of each file.

Example:
    >>> DATA.names()  # doctest: +NORMALIZE_WHITESPACE
    ('cifar10', 'cifar100', 'cifar10dvs', 'digits', 'dvsgesture', 'fashion-mnist',
     'imagefolder', 'mnist', 'nmnist')
"""
SHARE = 0.1
"""Held out for validation (and, where there is none, for test) unless something else is asked."""


def data_set(
    name_or_call: str | Mapping[str, Any],
    data_dir: str | Path | None = None,
    seed: int = 0,
    valid: int | float | None = None,
    train_limit: int | None = None,
    label_noise: float = 0.0,
    **options: Any,
) -> DataSet:
    """A data set with its training, validation and test splits.

    Args:
        name_or_call: one of `DATA.names()`, `file:function` of a user's own, or `{call:
            file:function, ...}`, whose other entries go to the function.
        data_dir: the folder of the data sets; None: `SPIKEDISTILL_DATA`, else `./data`.
        seed: fixes which training samples are held out.
        valid: how many are held out for validation, a count (int) or a share (float), stratified
            by class; None: a tenth. 0: none, `valid` is empty.
        train_limit: train on this many samples only, stratified by class.
        label_noise: the share of the training labels, in [0, 1), that is replaced by another class
            drawn uniformly, by seed. Validation is carved and the limit applied before, so only
            what is trained on is noisy; `notes` says how many labels are.
        options: the data set's own options (`labels="coarse"`, `root=...`, `size=...`).

    Raises:
        SpikedistillError: if there is no such data set or option, its files are missing or
            damaged, or a number is outside its range.
    """
    check_label_noise(label_noise)
    if isinstance(name_or_call, str) and ":" in name_or_call:
        name_or_call = {"call": name_or_call}
    if isinstance(name_or_call, str):
        source = _load(name_or_call, data_root(data_dir), options)
    else:
        entries = dict(name_or_call) | options
        if not isinstance(entries.get("call"), str):
            raise SpikedistillError(
                f"data {entries} names no function; expected is a name "
                f"({', '.join(DATA.names())}) or call: package.module:factory"
            )
        source = own_data(entries.pop("call"), entries, seed)
    ready = source if isinstance(source, DataSet) else _divided(source, seed, valid)
    if train_limit is not None:
        check_count("train_limit", train_limit, length(ready.train), at_least=1)
        limited, _ = carve(ready.train, [train_limit], seed)
        ready = dataclasses.replace(ready, train=limited)
    _check_labels(ready)
    return noisy(ready, label_noise, seed)


def handed_over(name: str, made: Any, seed: int = 0, valid: int | float | None = None) -> DataSet:
    """Data that came from Python, with their training, validation and test splits.

    Args:
        name: how messages call them.
        made: see `data._own.as_source`.
        seed: fixes which training samples are held out.
        valid: see `data_set`.

    Raises:
        SpikedistillError: if a sample is not what its task needs.
    """
    source = as_source(name, made, seed)
    ready = source if isinstance(source, DataSet) else _divided(source, seed, valid)
    _check_labels(ready)
    return ready


def _load(name: str, root: Path, options: Mapping[str, Any]) -> Source:
    load = DATA.find(name)
    parameters = list(inspect.signature(load).parameters)[1:]
    hints = get_type_hints(load)
    for key, value in options.items():
        if key not in parameters:
            raise SpikedistillError(
                f"data set {name} has no option {key!r}; {suggest(key, parameters)}"
            )
        if get_origin(hints[key]) is Literal and value not in get_args(hints[key]):
            known = map(str, get_args(hints[key]))
            raise SpikedistillError(
                f"data set {name}: {key} cannot be {value!r}; {suggest(str(value), known)}"
            )
    return load(root, **options)


def _divided(source: Source, seed: int, valid: int | float | None) -> DataSet:
    """The source with the splits it lacks carved from its training split."""
    if source.valid is not None and valid is not None:
        raise SpikedistillError(
            f"valid={valid} was asked for, but {source.name} has a validation split of its own"
        )
    given = {"valid": source.valid, "test": source.test}
    splits: dict[str, Samples] = {name: split for name, split in given.items() if split is not None}
    lacking = {
        name: SHARE if name == "test" or valid is None else valid
        for name in given
        if name not in splits
    }
    total = length(source.train)
    for name, size in lacking.items():
        check_count(name, size, total, at_least=0)
    *carved, train = carve(source.train, list(lacking.values()), seed)
    splits |= dict(zip(lacking, carved, strict=True))
    if not length(train):
        raise SpikedistillError(
            f"{source.name}: nothing is left to train on: {total} samples, of which "
            f"{' and '.join(f'{size} for {name}' for name, size in lacking.items())}"
        )
    return DataSet(
        source.name,
        train,
        splits["valid"],
        splits["test"],
        source.classes,
        source.mean,
        source.std,
        source.hashes,
        (*source.notes, *_without(source, lacking, carved)),
        source.task,
        source.collate,
        source.counted,
    )


def _without(
    source: Source, lacking: Mapping[str, int | float], carved: Sequence[Samples]
) -> tuple[str, ...]:
    """A note where a share of the training samples is none at all."""
    empty = [
        name
        for (name, size), part in zip(lacking.items(), carved, strict=True)
        if size and not length(part)
    ]
    if not empty:
        return ()
    return (
        f"{source.name} has {length(source.train):,} training samples, of which a share of "
        f"{lacking[empty[0]]:g} is none: there is nothing to judge by as {' and '.join(empty)}; "
        "give more samples, or splits of your own.",
    )


def check_count(name: str, size: int | float, total: int, at_least: int) -> None:
    """Refuse a number of samples that cannot be had.

    Raises:
        SpikedistillError: if it is no count, no share, or outside its range.
    """
    whole = isinstance(size, int) and not isinstance(size, bool)
    share = isinstance(size, float) and 0 <= size < 1
    if not (share and name != "train_limit") and not (whole and at_least <= size <= total):
        kinds = "a count" if name == "train_limit" else "a count, or a share below 1.0,"
        raise SpikedistillError(
            f"{name}={size!r}: expected is {kinds} of the {total:,} training samples, at least "
            f"{at_least}"
        )


def _check_labels(data: DataSet) -> None:
    for name in ("train", "valid", "test"):
        labels = labels_of(getattr(data, name))
        if labels is None or not len(labels):
            continue
        low, high = int(labels.min()), int(labels.max())
        if not data.classes:
            continue
        if low < 0 or high >= len(data.classes):
            wrong = int(((labels < 0) | (labels >= len(data.classes))).nonzero()[0])
            shift = low if low < 0 or (low == 1 and high == len(data.classes)) else 0
            remedy = f"; {'add' if shift < 0 else 'subtract'} {abs(shift)}" if shift else ""
            raise SpikedistillError(
                f"{data.name}: labels of {name} run from {low} to {high} (the first wrong one, "
                f"{int(labels[wrong])}, is of its sample {wrong}), and there are "
                f"{len(data.classes)} classes, numbered from 0 to {len(data.classes) - 1}{remedy}"
            )
