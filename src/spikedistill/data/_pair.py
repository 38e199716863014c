"""What a sample of a torch data set is: a pair of inputs and target; how messages show a part."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from spikedistill.core.errors import SpikedistillError

_FEW = 8
"""Numbers of a value that a message shows."""
_LONG = 60
"""Letters of any other value that a message shows."""


def pair_of(sample: Any, class_second: bool = False) -> tuple[Any, Any]:
    """Inputs and target; what follows them is left alone.

    Args:
        sample: as the data set gave it.
        class_second: whether the target must be a class, so that an image there is out of place.

    Raises:
        SpikedistillError: if it is something else; the message begins after its name.
    """
    if not isinstance(sample, tuple | list) or len(sample) < 2:
        raise SpikedistillError(
            f"is {_kind(sample)}; expected is a pair (inputs, label): wrap the data set in one "
            "that returns such pairs"
        )
    if class_second and _pictorial(sample[1]):
        raise SpikedistillError(
            f"is ({', '.join(map(_form, sample))}); expected are the inputs first and their label "
            "second, as (image, label): wrap the data set in one that returns them in this order"
        )
    return sample[0], sample[1]


def shown(value: object) -> str:
    """A value as a message shows it: whole where it is short, else its form.

    Example:
        >>> shown([1, 2]), shown(np.zeros((3, 32, 32)))
        ('[1, 2]', 'ndarray (3, 32, 32) of float64')
    """
    if isinstance(value, Tensor | np.ndarray):
        few = math.prod(value.shape) <= _FEW
        kind = str(value.dtype).removeprefix("torch.")
        return repr(value.tolist()) if few else f"{_form(value)} of {kind}"
    text = repr(value)
    return text if len(text) <= _LONG else f"{_form(value)} ({text[: _LONG // 2]}...)"


def _pictorial(value: object) -> bool:
    return isinstance(value, Image.Image) or (
        isinstance(value, Tensor | np.ndarray) and value.ndim > 1 and math.prod(value.shape) > _FEW
    )


def _form(value: object) -> str:
    kind = type(value).__name__
    return f"{kind} {tuple(value.shape)}" if isinstance(value, Tensor | np.ndarray) else kind


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        return f"a mapping with {', '.join(map(str, value))}"
    if value is None:
        return "None"
    return f"a {type(value).__name__}" + (
        f" of {len(value)}" if isinstance(value, tuple | list) else ""
    )
