"""The sentence for a teacher near chance."""

import pytest

from spikedistill.teachers import chance_warning


@pytest.mark.parametrize(("accuracy", "classes"), [(0.19, 10), (0.9339, 10), (0.11, 100), (0.6, 2)])
def test_teachers_that_learned_something(accuracy: float, classes: int) -> None:
    assert chance_warning(accuracy, classes) is None


@pytest.mark.parametrize(("accuracy", "classes"), [(0.18, 10), (0.0, 10), (0.1, 100), (0.54, 2)])
def test_teachers_near_chance(accuracy: float, classes: int) -> None:
    sentence = chance_warning(accuracy, classes)
    assert sentence is not None
    for word in (f"{100 * accuracy:.1f} %", f"{classes} classes", "normalisation", "order"):
        assert word in sentence
