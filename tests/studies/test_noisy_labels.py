"""Which cells the study of wrong labels needs, and what its page says."""

import pytest

from spikedistill.recipes.files import load
from spikedistill.studies.noisy_labels import METHODS, NOISE, page, points


@pytest.fixture(scope="module")
def made():
    return points(load("cifar10-study"), 2)


def test_three_students_at_every_noise_and_none_is_the_recipe_itself(made):
    assert [(p.labels["noise"], p.labels["method"]) for p in made[:12]] == [
        (share, method) for share in NOISE for method in METHODS
    ]
    assert made[0].recipe.data == load("cifar10-study").data
    assert made[3].recipe.data.plain()["label_noise"] == 0.2


def test_the_page_says_what_noise_costs(made, tmp_path, finished):
    cells = finished(made, lambda p: 50.0 - 10 * p.labels["noise"] + 0.1 * p.seed)
    reached, lost, picture = page(cells, tmp_path).parts
    assert reached.rows[0][:3] == ["labels only", "50.05 ± 0.07", "48.05 ± 0.07"]
    assert lost.rows[0] == ["labels only", "**-2.00**", "**-4.00**", "**-6.00**"]
    assert (tmp_path / picture.file).exists()
    part = page(cells[:4], tmp_path).parts[0]
    assert part.rows[1] == ["+ logit KD", "50.00", ""]
