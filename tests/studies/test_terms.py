"""The losses of a recipe, taken apart."""

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.recipes.files import load
from spikedistill.recipes.schema import parse
from spikedistill.studies._terms import terms, watched


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
    assert watched(terms(load("cifar10-study"), "alignment")) == (three, three)


def test_a_recipe_without_a_teacher_is_refused():
    plain = load("digits-sastc").plain()
    alone = {**plain, "phases": plain["phases"][:1]}
    with pytest.raises(SpikedistillError, match=r"digits-sastc has none: every role .* learns"):
        terms(parse(alone), "alignment")


def test_a_recipe_without_sastc_is_refused():
    recipe = load("cifar10-twin")
    with pytest.raises(SpikedistillError, match="has cross_entropy, logit_kd; add `- sastc"):
        terms(recipe, "ablation")
