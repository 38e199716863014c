"""What all classifications check: targets that are classes, outputs that tell them apart."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.trace import Batch
from spikedistill.data import SampleFault


def check_classes(batch: Batch, classes: int | None) -> None:
    """Refuse targets that are no classes, one for each sample or each position.

    Raises:
        SpikedistillError: if there are none, or they are of another kind.
    """
    targets = batch.targets
    if not isinstance(targets, Tensor):
        raise SpikedistillError(
            "a classification needs one target, a class, and the data give "
            f"{', '.join(targets) or 'none'}; name the task that they are for"
        )
    if targets.is_floating_point() and targets.ndim < 2:
        raise SampleFault(
            _first_real(targets),
            f"a classification needs whole numbers (classes) or a share for each class as targets, "
            f"and the data give {targets.dtype} of shape {list(targets.shape[1:])}; name the task "
            "that they are for",
        )
    if not classes:
        raise SpikedistillError(
            "a classification needs to know its classes, and the data do not tell them; give "
            "`classes`, their names or their number"
        )
    if not targets.is_floating_point():
        _check_range(targets, classes)


def _first_real(targets: Tensor) -> int:
    """The first sample whose target is no whole number; 0 where all could be."""
    return int((targets != targets.round()).reshape(len(targets), -1).any(1).int().argmax())


def _check_range(targets: Tensor, classes: int) -> None:
    """Refuse classes that do not exist; the message is of the first sample that has one."""
    wrong = (targets < 0) | (targets >= classes)
    if not bool(wrong.any()):
        return
    place = int(wrong.reshape(len(wrong), -1).any(1).nonzero()[0])
    label = int(targets[wrong][0])
    raise SampleFault(
        place,
        f"the label {label} is none of the {classes} classes, which are numbered from 0 to "
        f"{classes - 1}; number them so, or say how many there are with `classes`",
    )


def check_answers(outputs: Sequence[int], batch: Batch, classes: int | None) -> None:
    """Refuse outputs `[T, B, ..., K]` that do not tell as many classes apart as the data have.

    Raises:
        SpikedistillError: with both numbers.
    """
    if outputs[-1] == 1 and classes != 1:
        raise SpikedistillError(f"has one output and the data have {classes} classes")
    if outputs[-1] != classes:
        raise SpikedistillError(f"tells {outputs[-1]} classes apart and the data have {classes}")


def near_chance(score: float, classes: int | None) -> str | None:
    """A sentence for a classifier that hardly beats guessing, else None.

    Near chance means less than a tenth of the way from guessing to perfect: 19 % of 10 classes,
    10.9 % of 100.

    Args:
        score: percent of right answers.
        classes: K, the number of classes of the data.

    Example:
        >>> near_chance(91.73, 10) is None
        True
        >>> near_chance(10.4, 10).split(";")[0]
        'the teacher is right on 10.4 % of the validation samples, and guessing among 10 classes gives 10.0 %'
    """  # noqa: E501
    chance = 1 / max(classes or 1, 1)
    if score / 100 >= chance + 0.1 * (1 - chance):
        return None
    return (
        f"the teacher is right on {score:.1f} % of the validation samples, and guessing among "
        f"{classes} classes gives {100 * chance:.1f} %; look at its input normalisation (mean and "
        "std of inputs in [0, 1], channels in the order red, green, blue), at the order of its "
        "classes (it must be that of the data set), and at whether its weights were loaded"
    )
