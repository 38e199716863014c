from __future__ import annotations

from pathlib import Path

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.recipes import files
from spikedistill.recipes.faults import RecipeError


def test_a_recipe_lies_over_its_base(tmp_path: Path) -> None:
    (tmp_path / "below.yaml").write_text("{name: b, training: {lr: 1, epochs: 2}, phases: [1, 2]}")
    (tmp_path / "above.yaml").write_text("{base: below.yaml, training: {lr: 3}, phases: [4]}")
    assert files.read(str(tmp_path / "above.yaml")) == {
        "name": "b", "training": {"lr": 3, "epochs": 2}, "phases": [4], "beside": str(tmp_path)
    }  # fmt: skip


def test_files_are_looked_for_beside_a_recipe_that_is_none_of_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikedistill.core.calls._PLACES", [])
    (tmp_path / "own.yaml").write_text("{base: digits-sastc, name: own}")
    (tmp_path / "other.yaml").write_text("{base: digits-sastc, name: own, beside: there}")
    assert files.load(str(tmp_path / "own.yaml")).plain()["beside"] == str(tmp_path)
    assert files.read(str(tmp_path / "other.yaml"))["beside"] == "there"
    assert "beside" not in files.read("digits-sastc")


def test_one_level_of_base_only(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("{base: b.yaml}")
    (tmp_path / "b.yaml").write_text("{base: digits-sastc}")
    with pytest.raises(SpikedistillError, match=r"one level of base only"):
        files.read(str(tmp_path / "a.yaml"))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("digit-sastc", "there is no recipe 'digit-sastc'; did you mean 'digits-sastc'?"),
        ("my/recipe.yaml", "there is no recipe file my/recipe.yaml"),
    ],
)
def test_a_recipe_that_is_not_there(name: str, sentence: str) -> None:
    with pytest.raises(SpikedistillError) as caught:
        files.read(name)
    assert sentence in str(caught.value)


def test_faults_of_overrides_are_shown_with_all_others() -> None:
    with pytest.raises(RecipeError) as caught:
        files.load("digits-sastc", ["training.lr=fast", "phases.x.y=1", "seed"])
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize("name", files.names())
def test_every_recipe_of_the_library_is_right(name: str) -> None:
    recipe = files.load(name)
    assert recipe.name == name
    assert recipe.description


def test_the_claims_are_those_of_the_paper() -> None:
    published = {
        "cifar10-sastc": 95.12, "cifar10-sastc-bottleneck": 95.12,
        "cifar100-sastc": 79.40, "cifar100-sastc-bottleneck": 79.40, "imagenet-sastc": 68.69,
        "cifar10dvs-sastc": 83.60, "dvsgesture-sastc": 97.92,
    }  # fmt: skip
    claims = {name: files.load(name).claim for name in published}
    assert {name: claim and claim.value for name, claim in claims.items()} == published
    recipe = files.load("cifar100-sastc")
    teacher, student = (recipe.settings(phase) for phase in recipe.phases)
    assert (teacher.lr, student.lr, student.milestones) == (0.1, 0.01, (150, 180, 210))
    assert (student.epochs, student.batch_size, student.decay) == (240, 64, "all")


def test_the_released_commands() -> None:
    recipe = files.load("cifar100-sastc-bottleneck")
    (loss,) = [loss for loss in recipe.phases[1].losses if loss.method == "sastc"]
    assert (loss.weight, loss.options["guide_taps"]) == (800.0, ["stage1", "stage3"])
    assert recipe.networks["student"].model == "bottleneck211"
    assert recipe.networks["teacher"].model == "pyramidnet20"


@pytest.mark.parametrize("name", files.names())
def test_a_reconstruction_says_so_in_its_first_line(name: str) -> None:
    first, *rest = files.find(name).read_text("utf-8").splitlines()
    if "reconstruct" in " ".join(rest) or "has no such recipe" in " ".join(rest):
        assert "reconstruction" in first
