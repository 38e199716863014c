"""The losses of a recipe, taken apart."""

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.grid.points import alone
from spikedistill.recipes.files import load
from spikedistill.recipes.schema import parse
from spikedistill.studies._terms import compared_taps, labelled, terms, validated


def names(losses):
    return [loss.method for loss in losses]


def test_losses_are_sorted_by_what_they_look_at():
    parts = terms(load("digits-sastc"), "ablation")
    assert names(parts.labels) == ["cross_entropy"]
    assert names(parts.plain) == ["cross_entropy", "logit_kd"]
    assert names(parts.whole) == ["cross_entropy", "logit_kd", "sastc"]


def test_a_hint_has_the_weight_and_seats_of_sastc():
    parts = terms(load("digits-sastc", ["phases.student.losses.sastc.weight=50"]), "ablation")
    *plain, hint = parts.with_hint({"stage1": "stage2"})
    assert tuple(plain) == parts.plain
    assert (hint.method, hint.weight, hint.learner, hint.guide) == (
        "fitnet",
        50,
        "student",
        "teacher",
    )
    assert hint.options == {"pairs": {"stage1": "stage2"}}


def test_other_options_are_laid_over_those_of_the_recipe():
    recipe = load("digits-sastc", ["phases.student.losses.sastc.projector=grouped"])
    core = terms(recipe, "ablation").with_core(attention="uniform")[-1]
    assert core.options == {"projector": "grouped", "attention": "uniform"}


def test_the_layers_are_known_without_data_or_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("SPIKEDISTILL_DATA", str(tmp_path))
    three = ("stage1", "stage2", "stage3")
    assert compared_taps(terms(load("cifar10-study"), "alignment")) == (three, three)


def test_a_recipe_without_a_teacher_is_refused():
    plain = load("digits-sastc").plain()
    alone = {**plain, "phases": plain["phases"][:1]}
    with pytest.raises(SpikedistillError, match=r"digits-sastc has none: every role .* learns"):
        terms(parse(alone), "alignment")


def test_a_hint_is_only_compared_with_the_usual_projector():
    recipe = load("digits-sastc", ["phases.student.losses.sastc.projector=grouped"])
    with pytest.raises(SpikedistillError, match="sastc of digits-sastc sets projector"):
        terms(recipe, "negative-regularization").with_hint({"stage1": "stage2"})
    usual = load("digits-sastc", ["phases.student.losses.sastc.projector=full"])
    assert terms(usual, "negative-regularization").with_hint({"stage1": "stage2"})


def test_a_recipe_without_a_loss_of_labels_is_refused():
    recipe = load("digits-sastc")
    core = [loss for loss in recipe.phases[-1].losses if loss.method == "sastc"]
    parts = terms(alone(recipe, core), "noisy-labels")  # other studies can do without
    with pytest.raises(SpikedistillError, match="no loss of digits-sastc looks at labels"):
        labelled(parts, "noisy-labels")


def test_validation_images_are_asked_for():
    validated(load("digits-sastc"), "timesteps")
    with pytest.raises(SpikedistillError, match=r"study timesteps .* has data\.valid = 0; set"):
        validated(load("digits-sastc", ["data.valid=0"]), "timesteps")


def test_a_recipe_without_sastc_is_refused():
    recipe = load("cifar10-twin")
    with pytest.raises(SpikedistillError, match="has cross_entropy, logit_kd; add `- sastc"):
        terms(recipe, "ablation")
