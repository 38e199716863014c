"""What names a training: everything its numbers depend on, and nothing else."""

import pytest

from spikedistill.grid.points import Look, Point, alone, changed, essence, key, seeded, unique
from spikedistill.recipes.files import load


@pytest.fixture
def recipe():
    return load("cifar10-study")


def test_names_descriptions_and_variants_to_compare_with_do_not_matter(recipe):
    other = recipe.model_copy(update={"name": "mine", "description": "something else"})
    assert key(other) == key(recipe) == key(alone(recipe, recipe.phases[-1].losses))


def test_defaults_written_out_and_ways_to_save_time_do_not_matter():
    written = load("cifar10-study", ["training.momentum=0.9", "training.save_every=5"])
    assert key(written) == key(load("cifar10-study"))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"data__train_limit": 9000},
        {"augment__flip": False},
        {"phases__0__roles__student__timesteps": 3},
        {"phases__0__training__lr": 0.05},
        {"phases__0__training__precision": "fp32"},
        {"networks__student__depth": 20},
        {"phases__0__losses": ["cross_entropy"]},
    ],
    ids=str,
)
def test_what_changes_the_numbers_changes_the_key(recipe, change):
    assert key(changed(recipe, **change)) != key(recipe)


def test_a_teacher_that_no_loss_looks_at_does_not_matter(recipe):
    labels = alone(recipe, recipe.phases[-1].losses[:1])
    other = changed(labels, networks__teacher__weights="weights-cifar10-resnet/resnet20.npz")
    assert "teacher" not in essence(labels)["networks"]
    assert key(other) == key(labels)


def test_the_source_of_a_twin_matters():
    twin = load("cifar10-twin")
    assert set(essence(twin)["networks"]) == {"student", "teacher"}
    labels = alone(twin, twin.phases[-1].losses[:1])
    assert set(essence(labels)["networks"]) == {"student", "teacher"}


def test_seeds_follow_the_recipes_own(recipe):
    assert [one.seed for one in seeded(changed(recipe, seed=4), 3)] == [4, 5, 6]


def test_one_point_for_each_key_with_all_looks(recipe):
    first = Point({"a": 1}, recipe, {"one": Look()})
    second = Point({"b": 2}, recipe, {"two": Look()})
    (found,) = unique([first, second])
    assert found.labels == {"a": 1} and set(found.looks) == {"one", "two"}
    assert first.title == "1, seed 0"
