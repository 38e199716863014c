"""Charts are PNG files that show what they were given."""

import matplotlib.image
import numpy as np
import pytest

from spikedistill.pages.charts import plot_heat, plot_lines, plot_maps


@pytest.fixture
def drawn(tmp_path):
    def read(plot):
        plot(tmp_path / "chart.png")
        return matplotlib.image.imread(tmp_path / "chart.png")

    return read


def near(image, colour):
    """How many pixels have a colour."""
    return int((np.abs(image[..., :3] * 255 - colour) < 12).all(-1).sum())


def test_lines_have_their_own_colours_and_spread(drawn):
    series = {"a": [(1, 50.0, 1.0), (2, 60.0, None)], "b": [(1, 40.0, None), (2, 45.0, None)]}
    image = drawn(lambda path: plot_lines(series, path, "T", "accuracy", level=55.0))
    assert near(image, (0, 114, 178)) > 100 and near(image, (230, 159, 0)) > 100


def test_a_heat_map_turns_its_colours_at_the_middle(drawn):
    image = drawn(
        lambda path: plot_heat([[40.0, 60.0]], ["i"], ["j", "k"], path, "x", "y", middle=50.0)
    )
    assert near(image, (103, 0, 31)) > 500  # the lowest is red
    assert near(image, (5, 48, 97)) > 500  # the highest is blue


def test_equal_values_make_a_map_too(drawn):
    assert drawn(lambda path: plot_heat([[1.0]], ["i"], ["j"], path, "x", "y")).size


def test_maps_stand_in_a_row_for_each_step(drawn):
    maps = [[[[0.0, 1.0]], [[1.0, 0.0]]], [[[0.5, 0.5]], [[0.2, 0.8]]]]
    image = drawn(lambda path: plot_maps(maps, ["e1", "e2"], ["t1", "t2"], path, "j", "i"))
    assert near(image, (68, 1, 84)) > 500 and near(image, (253, 231, 36)) > 500
