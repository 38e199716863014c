"""What a user's data say of themselves, in any form: their classes, their mean and deviation."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._pair import shown

Statistics = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation, each one number per channel."""


def said_of(parts: Mapping[str, Any], train: object, fact: str) -> Any:
    """A fact beside the splits, else an attribute of the training data that is no method."""
    if parts.get(fact) is not None:
        return parts[fact]
    found = getattr(train, fact, None)
    return None if callable(found) else found


def class_names(name: str, given: Any, needed: bool = True) -> tuple[str, ...] | None:
    """The names of classes: given, or of so many numbers; None where nothing is given.

    Args:
        name: of the data.
        given: a whole number of any kind, or names: listed, in an array, or with their numbers.
        needed: whether there must be one at least.

    Raises:
        SpikedistillError: if it is something else.
    """
    given = _listed(given)
    if given is None:
        return None
    number, names = _whole(given), None
    if number is not None:
        names = tuple(map(str, range(number))) if number >= 0 else None
    elif isinstance(given, str):
        names = None if given.strip().isdigit() else tuple(given)
    elif isinstance(given, Mapping):
        names = tuple(map(str, sorted(given, key=given.__getitem__) if _numbers(given) else given))
    elif isinstance(given, set | frozenset):
        names = tuple(sorted(map(str, given)))
    elif isinstance(given, Iterable):
        names = tuple(map(str, given))
    if names is None or (needed and not names):
        raise SpikedistillError(
            f"data {name} has {shown(given)} as classes; expected is their number, at least 1, or "
            "a list of their names"
        )
    return names


def statistics(name: str, mean: Any, std: Any, channels: int | None) -> Statistics | None:
    """Mean and standard deviation for each channel; None where neither is given.

    Args:
        name: of the data.
        mean: a number, or one for each channel: listed, in an array or a tensor.
        std: likewise.
        channels: how many there are; None: not known.

    Raises:
        SpikedistillError: if only one of them is given, one is something else or of another
            length, or a deviation is not positive.
    """
    if mean is None and std is None:
        return None
    if mean is None or std is None:
        there, lacking = ("std", "mean") if mean is None else ("mean", "std")
        raise SpikedistillError(
            f"data {name} has a {there} and no {lacking}; give both, or neither (an attribute of "
            "another meaning needs another name)"
        )
    means, deviations = (
        _per_channel(name, fact, value, channels) for fact, value in (("mean", mean), ("std", std))
    )
    if len(means) != len(deviations):
        raise SpikedistillError(
            f"data {name} has {len(means)} means and {len(deviations)} deviations; give one of "
            "each per channel"
        )
    if min(deviations) <= 0:
        raise SpikedistillError(
            f"data {name} has the std {shown(std)}, by which inputs are divided; every deviation "
            "must be positive"
        )
    return means, deviations


def _per_channel(name: str, fact: str, given: Any, channels: int | None) -> tuple[float, ...]:
    plain = _listed(given)
    alone = isinstance(plain, int | float)
    values: Any = [plain] * (channels or 1) if alone else plain
    good = (
        isinstance(values, list | tuple)
        and values
        and all(isinstance(one, int | float) and math.isfinite(one) for one in map(_listed, values))
    )
    if not good:
        raise SpikedistillError(
            f"data {name} has {shown(given)} as {fact}; expected is a number, or one for each "
            "channel"
        )
    if channels is not None and len(values) != channels:
        raise SpikedistillError(
            f"data {name} has a sample of {channels} channels and {len(values)} in its {fact}; "
            "give one number for each"
        )
    return tuple(float(_listed(one)) for one in values)


def _listed(given: Any) -> Any:
    """Arrays, tensors and numbers of other libraries as lists and numbers of Python."""
    return given.tolist() if hasattr(given, "tolist") else given


def _whole(given: Any) -> int | None:
    """A whole number of any kind; truth is none."""
    if isinstance(given, bool):
        return None
    if isinstance(given, float) and given.is_integer():
        return int(given)
    try:
        return operator.index(given)
    except TypeError:
        return None


def _numbers(given: Mapping[Any, Any]) -> bool:
    """Whether the values of a mapping number its keys from 0 on."""
    values: Collection[Any] = given.values()
    return all(map(_is_whole, values)) and sorted(values) == list(range(len(given)))


def _is_whole(value: Any) -> bool:
    return _whole(_listed(value)) is not None
