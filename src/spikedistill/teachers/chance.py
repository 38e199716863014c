"""A teacher that has learned nothing, or is asked wrongly."""

from __future__ import annotations


def chance_warning(accuracy: float, classes: int) -> str | None:
    """A sentence for a network that hardly beats guessing, else None.

    Near chance means less than a tenth of the way from guessing to perfect: 19 % of 10 classes,
    10.9 % of 100.

    Args:
        accuracy: share of right answers, in [0, 1].
        classes: K, the number of classes of the data.

    Example:
        >>> chance_warning(0.9173, 10) is None
        True
        >>> chance_warning(0.104, 10).split(";")[0]
        'the teacher is right on 10.4 % of the validation images, and guessing among 10 classes gives 10.0 %'
    """  # noqa: E501
    chance = 1 / classes
    if accuracy >= chance + 0.1 * (1 - chance):
        return None
    return (
        f"the teacher is right on {100 * accuracy:.1f} % of the validation images, and guessing "
        f"among {classes} classes gives {100 * chance:.1f} %; look at its input normalisation "
        "(mean and std of pixels in [0, 1], channels in the order red, green, blue), at the order "
        "of its classes (it must be that of the data set), and at whether its weights were loaded"
    )
