"""A user's own labels: what one must be, and whether what a data set says of them is true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.data._pair import shown

_EXPECTED = "expected is the number of a class, a whole number from 0 on, or a share for each class"


@dataclass(frozen=True)
class Label:
    """What one target is."""

    needs: int = 0
    """K that it needs; 0 where it is no class."""
    shares: bool = False
    """Whether it is a share for each class."""
    number: int | None = None
    """Its class, of shares the largest; None where it is none."""


def label_of(where: str, given: Any, classification: bool) -> Label:
    """A target as a class.

    Args:
        where: the name of its sample.
        given: the target.
        classification: whether it must be a class.

    Raises:
        SpikedistillError: if it must be a class and is none.
    """
    if classification and (given is None or isinstance(given, Mapping)):
        raise SpikedistillError(f"{where} has the label {_no_label(given)}")
    try:
        target = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError, KeyError, IndexError) as error:
        if not classification:
            return Label()
        remedy = "" if not isinstance(given, str) else (
            ": number your classes, as by {name: n for n, name in enumerate(sorted(set(names)))}"
        )  # fmt: skip
        raise SpikedistillError(
            f"{where} has the label {shown(given)}; {_EXPECTED}{remedy}"
        ) from error
    if target.dim() == 1 and len(target) > 1 and target.is_floating_point():
        if classification:
            _check_shares(where, target)
        return Label(len(target), True, int(target.argmax()))
    if target.numel() == 1 and not target.is_floating_point() and target.dim() < 2:
        return Label(int(target) + 1, False, int(target))
    if not classification:
        return Label()
    raise SpikedistillError(f"{where} has the label {shown(target)}; {_EXPECTED}{_remedy(target)}")


def _no_label(given: Mapping[Any, Any] | None) -> str:
    if given is None:
        return (
            f"None (the data set gave None as a target); {_EXPECTED}: a task needs something to "
            "compare answers with"
        )
    return (
        "of several parts: a classification needs one target, a class, and the data give "
        f"{', '.join(map(str, given)) or 'none'}; name the task that they are for"
    )


def _remedy(target: Tensor) -> str:
    if target.numel() == 1 and target.is_floating_point():
        return (
            "; a real number asks for a regression: name the task, one of your own, or turn "
            f"{target.dtype} into whole numbers (classes)"
        )
    marks = target.dim() == 1 and len(target) > 1 and bool(((target == 0) | (target == 1)).all())
    if marks and int(target.sum()) == 1:
        return (
            ": it marks one of several classes, so make shares of the labels with .float(), or "
            "numbers of classes with .argmax(1)"
        )
    return ""


def _check_shares(where: str, target: Tensor) -> None:
    if not (bool((target >= -1e-6).all()) and abs(float(target.sum()) - 1) < 1e-3):
        raise SpikedistillError(
            f"{where} has a label of {len(target)} real numbers that sum to "
            f"{float(target.sum()):.4g}; a share for each class is 0 or more, and all sum to 1"
        )


def disagreement(said: Tensor | None, found: Mapping[int, Label]) -> int | None:
    """The first sample whose class is not what its data set says of it; None: there is none.

    Args:
        said: the class of every sample, as `targets` or `labels` of the data set have it.
        found: position -> what the sample returned.
    """
    if said is None:
        return None
    wrong = (
        index
        for index, label in sorted(found.items())
        if label.number is not None and label.number != int(said[index])
    )
    return next(wrong, None)
