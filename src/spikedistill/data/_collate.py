"""Samples as batches: images, tensors of one shape, and sequences that are padded and masked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.trace import Batch
from spikedistill.core.tree import first, leaves, mapped
from spikedistill.data._images import as_image
from spikedistill.data._pair import pair_of, shown


class SampleFault(SpikedistillError):
    """One sample of a batch is not as it should be: the message begins after its name.

    Args:
        position: its place in the batch.
        text: what is wrong with it.
    """

    def __init__(self, position: int, text: str) -> None:
        super().__init__(text)
        self.position = position


Collate = Callable[[Sequence[Any]], Batch]
"""Samples, usually (inputs, target), to a batch."""
MASK = "mask"
"""A network gets the mask of padded positions where its inputs have this name among their keys."""


def collate_images(samples: Sequence[Any]) -> Batch:
    """Pairs (image, target): images of any common kind, of one size.

    Raises:
        SpikedistillError: if their shapes differ.
    """
    return _batch(
        [(as_image(image), _alone(target)) for image, target in _pairs(samples)], _stacked
    )


def collate_tensors(samples: Sequence[Any]) -> Batch:
    """Pairs (inputs, target): inputs are a tensor or array of one shape, or a mapping of such.

    Raises:
        SpikedistillError: if shapes or keys differ.
    """
    return _batch(
        [(inputs, _alone(target)) for inputs, target in _pairs(samples, as_tensors)], _stacked
    )


def collate_sequences(samples: Sequence[Any]) -> Batch:
    """Pairs (inputs, target) whose first axis is a length L that may differ: padded with zeros.

    `mask` `[B, L]` says which positions are there. Targets of the same length are padded alike. Of
    a mapping the first key has the length; one with a key `mask` says itself which of its positions
    count, and the network sees that mask, padded.

    Raises:
        SpikedistillError: if keys differ, or shapes beside the length.
    """
    pairs = _pairs(samples, as_tensors)
    lengths = [len(first(inputs)) for inputs, _ in pairs]

    def joined(values: Sequence[Tensor], what: str) -> Tensor:
        if [len(value) if value.ndim else -1 for value in values] != lengths:
            return _stacked(values, what)
        if len({value.shape[1:] for value in values}) > 1:
            _stacked(values, what)  # says what differs
        return pad_sequence(list(values), batch_first=True)

    batch = _batch(pairs, joined)
    inputs = batch.inputs
    if isinstance(inputs, Mapping) and MASK in inputs:
        inputs = {**inputs, MASK: inputs[MASK].bool()}
        return Batch(inputs, batch.targets, mask=inputs[MASK])
    there = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return Batch(inputs, batch.targets, mask=there)


def check_batch(batch: Batch) -> Batch:
    """Refuse a batch whose parts do not fit each other.

    Raises:
        SpikedistillError: if leaves of the inputs have different B, or the mask another shape.
    """
    size = len(first(batch.inputs))
    other = [len(value) for value in leaves(batch.inputs) if len(value) != size]
    if other:
        raise SpikedistillError(
            f"the inputs of one batch have {size} and {other[0]} samples; every tensor of a batch "
            "has one row for each sample"
        )
    mask = batch.mask
    if mask is None:
        return batch
    targets = batch.targets.values() if isinstance(batch.targets, Mapping) else [batch.targets]
    lengths = {value.shape[1] for value in (*leaves(batch.inputs), *targets) if value.ndim > 1}
    if mask.ndim != 2 or len(mask) != size or mask.shape[1] not in lengths:
        raise SpikedistillError(
            f"the mask of a batch has shape {list(mask.shape)}; expected is [B, L] with B = {size} "
            f"samples and L one of {sorted(lengths)}, true where a position counts"
        )
    return batch


def _pairs(samples: Sequence[Any], read: Callable[[Any], Any] = as_image) -> list[tuple[Any, Any]]:
    """The inputs of every sample, read, and its target as tensors."""
    pairs: list[tuple[Any, Any]] = []
    for place, sample in enumerate(samples):
        try:
            inputs, target = pair_of(sample)
        except SpikedistillError as error:
            raise SampleFault(place, f"it {error}") from error
        try:
            pairs.append((read(inputs), _target(target)))
        except SpikedistillError as error:
            raise SampleFault(place, str(error)) from error
    return pairs


def _alone(target: Any) -> Any:
    """A class that came as a list of one, `[1]`, as the number that it is."""
    if isinstance(target, Tensor) and tuple(target.shape) == (1,):
        return target if target.is_floating_point() else target.reshape(())
    return target


def _batch(
    pairs: Sequence[tuple[Any, Any]], join: Callable[[Sequence[Tensor], str], Tensor]
) -> Batch:
    inputs = _joined([inputs for inputs, _ in pairs], join, "inputs")
    targets = _joined([target for _, target in pairs], join, "targets")
    return Batch(inputs, mapped(_whole, targets))


def _joined(
    values: Sequence[Any], join: Callable[[Sequence[Tensor], str], Tensor], what: str
) -> Any:
    if not any(isinstance(value, Mapping) for value in values):
        return join(values, what)
    if not isinstance(values[0], Mapping):
        raise SampleFault(
            0, f"its {what} have no names and those of another sample have; name all, or none"
        )
    keys = set(values[0])
    for place, value in enumerate(values):
        if not isinstance(value, Mapping) or set(value) != keys:
            now = sorted(value) if isinstance(value, Mapping) else ["one without a name"]
            raise SampleFault(
                place,
                f"the {what} of a sample are {', '.join(now)} and those of another one "
                f"{', '.join(sorted(keys))}; every sample of a data set has the same keys",
            )
    return {key: join([value[key] for value in values], f"{what} {key!r}") for key in values[0]}


def as_tensors(inputs: Any) -> Any:
    """What a data set gives as inputs as a tensor, or as several by name.

    Raises:
        SpikedistillError: if it is no tensor, array, number or list of numbers.
    """
    return {str(key): _tensor(value) for key, value in inputs.items()} if isinstance(
        inputs, Mapping
    ) else _tensor(inputs)  # fmt: skip


def _tensor(value: Any) -> Tensor:
    """A tensor as networks take it: floats in float32, whole numbers in int64, truth as it is.

    Raises:
        SpikedistillError: if it is no tensor, array, number or list of numbers.
    """
    try:
        made = torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else (
            torch.as_tensor(value)
        )  # fmt: skip
    except (TypeError, ValueError, RuntimeError) as error:
        raise SpikedistillError(
            f"a data set gave {type(value).__name__} as an input; expected is a tensor or an array"
        ) from error
    if made.dtype is torch.bool:
        return made
    return made.float() if made.is_floating_point() else made.long()


def _target(value: Any) -> Any:
    """A target, or several by name, as tensors.

    Raises:
        SpikedistillError: if it is none.
    """
    try:
        if isinstance(value, Mapping):
            return {str(key): torch.as_tensor(one) for key, one in value.items()}
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise SpikedistillError(
            f"a data set gave {shown(value)} as a target; expected is a number, a tensor, or a "
            "mapping of such: a task needs something to compare answers with"
        ) from error


def _whole(value: Tensor) -> Tensor:
    return value if value.is_floating_point() or value.dtype is torch.bool else value.long()


def _stacked(values: Sequence[Tensor], what: str) -> Tensor:
    shapes = [tuple(value.shape) for value in values]
    other = next((place for place, shape in enumerate(shapes) if shape != shapes[0]), None)
    if other is not None:
        said = "images" if what == "inputs" and values[0].ndim >= 3 else what
        both = " and ".join(map(str, sorted({shapes[0], shapes[other]})))
        raise SampleFault(
            other,
            f"{said} of one batch have different shapes, {both}: bring them to one size in the "
            "data set",
        )
    return torch.stack(list(values))
