from __future__ import annotations

from pathlib import Path

import pytest

from spikedistill.core.loss import Loss
from spikedistill.data import DATA
from spikedistill.methods import METHODS
from spikedistill.models import MODELS
from spikedistill.recipes.shelves import CATALOGUES
from spikedistill.studies import STUDIES
from spikedistill.tasks import TASKS


def test_the_file_name_is_the_registry():
    assert {"cross_entropy", "fitnet", "logit_kd", "sastc"} <= set(METHODS.names())
    assert not any(name.startswith("_") for name in METHODS.names())
    assert METHODS.find("sastc").__name__ == "SASTC"
    assert all(issubclass(METHODS.find(name), Loss) for name in METHODS.names())
    assert METHODS.module("sastc").__name__ == "spikedistill.methods.sastc"


@pytest.mark.parametrize("kind", [*CATALOGUES, "studies"])
def test_every_member_of_every_catalogue_is_found(kind):
    catalogue = STUDIES if kind == "studies" else CATALOGUES[kind][0]
    assert catalogue.names()
    for name in catalogue.names():
        assert catalogue.is_member(catalogue.find(name))
        assert catalogue.module(name).__doc__


def test_a_file_may_define_several_models_and_dashes_stand_for_underscores():
    assert {"resnet18", "resnet19", "wrn16_2"} <= set(MODELS.names())
    assert MODELS.module("resnet19").__name__ == "spikedistill.models.resnet"
    assert DATA.module("fashion-mnist").__name__ == "spikedistill.data.fashion_mnist"
    assert "noisy-labels" in STUDIES.names()


def test_an_unknown_name_gets_the_closest_one():
    with pytest.raises(ValueError, match="there is no method 'sastk'; did you mean 'sastc'"):
        METHODS.find("sastk")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "catalogue_own.py").write_text(
        "from spikedistill.core.loss import Loss\n"
        "from spikedistill.tasks.image_classification import TASK\n"
        "class Mine(Loss):\n    def forward(self, learner, guide, batch):\n        return 0\n"
        "class Other:\n    pass\n"
    )
    (tmp_path / "sastc.py").write_text("class Shadow:\n    pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_a_users_own_file(own):
    assert METHODS.find("catalogue_own:Mine").__name__ == "Mine"
    assert METHODS.module("catalogue_own:Mine").__name__ == "catalogue_own"
    assert TASKS.find("catalogue_own:TASK").sample == "image"
    with pytest.raises(ValueError, match="'catalogue_own:Other' is no method: a method is a class"):
        METHODS.find("catalogue_own:Other")


def test_nobodys_file_stands_before_ours(own):
    assert METHODS.find("sastc").__module__ == "spikedistill.methods.sastc"
