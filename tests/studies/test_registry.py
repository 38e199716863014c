"""Studies by name."""

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.studies import find, names


@pytest.mark.parametrize("name", names())
def test_every_study_has_points_and_a_page(name, finished):
    study = find(name)
    assert callable(study.points) and callable(study.page)


def test_an_unknown_study_is_refused_with_the_closest_one():
    with pytest.raises(SpikedistillError, match=r"no study 'noisy'.*noisy-labels"):
        find("noisy")
