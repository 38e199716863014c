"""Which cells the study of wrong labels needs, and what its page says."""

import pytest

from spikedistill.grid.points import alone
from spikedistill.recipes.files import load
from spikedistill.recipes.schema import parse
from spikedistill.studies.noisy_labels import NOISE
from spikedistill.studies.noisy_labels import _page as page
from spikedistill.studies.noisy_labels import _points as points


@pytest.fixture(scope="module")
def made():
    return points(load("cifar10-study"), 2)


def test_three_students_at_every_noise_and_none_is_the_recipe_itself(made):
    assert [(p.labels["noise"], p.labels["method"]) for p in made[:12]] == [
        (share, method) for share in NOISE for method in ("labels only", "+ logit KD", "+ SASTC")
    ]
    assert made[0].recipe.data == load("cifar10-study").data
    assert made[3].recipe.data.plain()["label_noise"] == 0.2


def test_a_recipe_that_has_noise_of_its_own_starts_from_none():
    noisy, clean = (load("digits-sastc", words) for words in (["data.label_noise=0.3"], []))
    made = points(noisy, 1)
    assert [p.recipe.data.label_noise for p in made[::3]] == [None, 0.2, 0.4, 0.6]
    assert [p.key for p in made] == [p.key for p in points(clean, 1)]


def test_without_logit_kd_there_is_no_row_for_it(tmp_path, finished):
    recipe = load("digits-sastc")
    losses = [loss for loss in recipe.phases[-1].losses if loss.method != "logit_kd"]
    made = points(alone(recipe, losses), 1)
    assert [p.labels["method"] for p in made[:2]] == ["labels only", "+ SASTC"]
    parts = page(finished(made, lambda p: 50.0), tmp_path).parts
    assert [row[0] for row in parts[0].rows] == ["labels only", "+ SASTC"]
    assert "trained on the same wrong labels" in parts[2]  # the recipe trains its teacher


def test_a_student_that_was_trained_before_is_no_teacher(tmp_path, finished):
    plain = load("cifar10-study").plain()
    (last,) = plain["phases"]
    student = {"student": last["roles"]["student"]}
    first = {**last, "name": "before", "roles": student, "losses": ["cross_entropy"], "compare": {}}
    made = points(parse({**plain, "phases": [first, last]}), 1)
    parts = page(finished(made, lambda p: 50.0), tmp_path).parts
    assert "The teacher came trained" in parts[2]


def test_the_page_says_what_noise_costs(made, tmp_path, finished):
    cells = finished(made, lambda p: 50.0 - 10 * p.labels["noise"] + 0.1 * p.seed)
    reached, lost, seen, teacher, picture = page(cells, tmp_path).parts
    assert seen.startswith("Spread between seeds") and "2 seeds each" in seen
    assert teacher == "The teacher came trained and saw none of the wrong labels."
    assert reached.caption.startswith("Test accuracy in %, trained on labels of which a share is")
    assert picture.alt == "Test accuracy over the share of wrong labels"
    assert reached.rows[0][:3] == ["labels only", "50.05 ± 0.07", "48.05 ± 0.07"]
    assert lost.rows[0] == ["labels only", "**-2.00**", "**-4.00**", "**-6.00**"]
    assert (tmp_path / picture.file).exists()
    part = page(cells[:4], tmp_path).parts[0]
    assert part.rows[1] == ["+ logit KD", "50.00", ""]
