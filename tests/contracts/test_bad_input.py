"""What the walls refuse before anything is trained: both facts and the remedy, in a sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spikedistill.build.cells import settled
from spikedistill.build.experiment import Experiment
from spikedistill.core.errors import SpikedistillError
from spikedistill.functional.compiled import compiling
from spikedistill.recipes.schema import parse

OWN = """
import torch
from torch import nn
from torch.utils.data import Dataset
from spikedistill import Metric, Temporal

class Rows(Dataset):
    def __init__(self, make):
        self.make = make

    def __len__(self):
        return 24

    def __getitem__(self, n):
        return self.make(n)

def vectors(target=lambda n: n % 2, task="vector_classification", collate=None):
    made = {"train": Rows(lambda n: (torch.full((4,), float(n)), target(n))), "classes": 2,
            "task": task}
    return made | ({} if collate is None else {"collate": collate})

def untold():
    return vectors(lambda n: None)

def numbers():
    return vectors(lambda n: 0.5 * n)

def several():
    return vectors(lambda n: {"box": torch.zeros(4)})

def named():
    rows = Rows(lambda n: ({"ids": torch.arange(4), "kind": torch.tensor([n % 2])}, n % 2))
    return {"train": rows, "classes": 2, "task": "vector_classification"}

def changing():
    rows = Rows(lambda n: ({"a": torch.zeros(3)} if n < 2 else {"b": torch.zeros(3)}, n % 2))
    return {"train": rows, "classes": 2, "task": "vector_classification"}

def masked(samples):
    from spikedistill.data import collate_tensors
    from dataclasses import replace
    return replace(collate_tensors(samples), mask=torch.ones(len(samples), 7))

def wrong_mask():
    return vectors(collate=masked)

def untested():
    rows = Rows(lambda n: (torch.full((4,), float(n)), n % 2))
    return {"train": rows, "test": Rows(lambda n: rows[n]), "classes": 2, "task": "own_bad:SILENT"}

from spikedistill import Task
from spikedistill.data import collate_tensors
SILENT = Task("row", collate_tensors, (), lambda b, c: None, lambda o, b, c: None)

def net(classes=2):
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, classes))

def reader():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.act = nn.Linear(4, 2), nn.ReLU()

        def forward(self, ids, lengths):
            return self.act(self.head(ids.float()))

    return Reader()

class Grown(nn.Module):
    def __init__(self):
        super().__init__()
        from spikedistill import LIF
        self.body, self.fire = nn.Linear(4, 2), LIF()

    def forward(self, x):
        return self.fire(self.body(x))[: len(x) // self.fire.timesteps]

class Tapped(Metric):
    name, needs = "tapped", ("attention7",)

    def update(self, answer, batch):
        pass

    def value(self):
        return 0.0

class PerChannel(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        return x

class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        from spikedistill import LIF
        self.fire, self.head = LIF(), nn.Linear(1, 2)

    def forward(self, x):
        return self.head(self.fire(x.sum(1)).unsqueeze(1))

class Long(Temporal):
    def __init__(self, timesteps: int):
        super().__init__()
        self.longest = timesteps

    def forward(self, x):
        return x

NOT_ONE = 3
"""

STUDENT = {"network": "student", "timesteps": 2, "trainable": True}


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "own_bad.py").write_text(OWN)
    monkeypatch.setattr("spikedistill.core.calls._PLACES", [])
    before = list(sys.path)
    with compiling(False):
        yield tmp_path
    sys.modules.pop("own_bad", None)
    sys.path[:] = before


def recipe(folder: Path, **changes: Any) -> dict[str, Any]:
    networks = {"teacher": {"call": "own_bad:net"},
                "student": {"from": "teacher", "by": {"twin": {"neuron": "lif"}}}}  # fmt: skip
    phase = {"roles": {"student": STUDENT, "teacher": {"network": "teacher"}},
             "losses": ["cross_entropy"]}  # fmt: skip
    base = {"name": "bad", "beside": str(folder), "data": {"name": "own_bad:vectors"},
            "networks": networks, "phases": [phase],
            "training": {"batch_size": 8, "epochs": 1, "precision": "fp32"}}  # fmt: skip
    return base | changes


def refused(given: dict[str, Any]) -> str:
    with pytest.raises(SpikedistillError) as error:
        Experiment(settled(parse(given))).check()
    return str(error.value)


def test_the_good_one_is_not_refused(own: Path) -> None:
    assert Experiment(settled(parse(recipe(own)))).check()[0]["cell"] == "student"


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        ("untold", ("gave None as a target", "something to compare answers with")),
        ("numbers", ("whole numbers (classes)", "torch.float32", "name the task")),
        ("several", ("needs one target, a class", "box", "name the task")),
        ("changing", ("are b and those of another one a", "the same keys")),
        ("wrong_mask", ("mask of a batch has shape [2, 7]", "[B, L] with B = 2", "[4]")),
    ],
)
def test_data_that_do_not_fit_their_task(own: Path, data: str, facts: tuple[str, ...]) -> None:
    said = refused(recipe(own, data={"name": f"own_bad:{data}"}))
    assert [fact for fact in facts if fact not in said] == [], said


def test_inputs_by_name_that_a_network_does_not_take(own: Path) -> None:
    networks = {"student": {"call": "own_bad:reader"}}
    phase = {"roles": {"student": STUDENT}, "losses": ["cross_entropy"]}
    given = recipe(own, data={"name": "own_bad:named"}, networks=networks, phases=[phase])
    said = refused(given)
    assert "the data give ids, kind" in said and "takes ids, lengths" in said


def test_a_metric_of_a_tap_that_is_not_there(own: Path) -> None:
    said = refused(recipe(own, metrics=["own_bad:Tapped"]))
    assert "the metric 'tapped' looks at the tap 'attention7'" in said and "it has " in said


def test_a_module_for_a_place_without_channels(own: Path) -> None:
    networks = {"teacher": {"call": "own_bad:net"},
                "student": {"call": "own_bad:Flat", "modules": ["own_bad:PerChannel"]}}  # fmt: skip
    said = refused(recipe(own, networks=networks))
    assert "has one number per sample and no channels" in said and "'fire'" in said


def test_networks_made_in_a_circle_or_too_early(own: Path) -> None:
    by = {"by": {"twin": {"neuron": "lif"}}}
    itself = {"student": {"from": "student", **by}, "teacher": {"call": "own_bad:net"}}
    assert "student from student; break it" in refused(recipe(own, networks=itself))
    ring = {"student": {"from": "teacher", **by}, "teacher": {"from": "student", **by}}
    assert "student from teacher from student" in refused(recipe(own, networks=ring))
    learns = {"network": "teacher", "trainable": True}
    late = [{"name": "a", "roles": {"student": STUDENT}, "losses": ["cross_entropy"]},
            {"name": "b", "roles": {"student": learns}, "losses": ["cross_entropy"]}]  # fmt: skip
    said = refused(recipe(own, phases=late))
    assert "student is made from teacher when phase 0 begins" in said and "only in phase 1" in said


def test_a_phase_that_is_neither_trained_nor_judged(own: Path) -> None:
    phase = {"roles": {"student": STUDENT}, "losses": [], "training": {"epochs": 0}}
    said = refused(recipe(own, data={"name": "own_bad:untested"}, phases=[phase]))
    assert "has epochs: 0 and nothing judges its result" in said and "own_bad:SILENT" in said


def test_a_network_that_gives_other_shapes(own: Path) -> None:
    networks = {"student": {"call": "own_bad:Grown"}}
    phase = {"roles": {"student": STUDENT}, "losses": ["cross_entropy"]}
    said = refused(recipe(own, networks=networks, phases=[phase]))
    assert "Grown returns [4, 2] for 4 samples at T = 2; expected are 8 rows" in said


def test_more_steps_than_a_layer_was_made_for(own: Path) -> None:
    networks = {"teacher": {"call": "own_bad:net"},
                "student": {"from": "teacher", "by": {"twin": {"neuron": "lif"}},
                            "modules": ["own_bad:Long"]}}  # fmt: skip
    experiment = Experiment(settled(parse(recipe(own, networks=networks))))
    from spikedistill.core.over_time import OverTime

    network = experiment.workshop.network("student")
    with pytest.raises(SpikedistillError, match=r"up to 2 time steps and is\s+asked for 3"):
        OverTime(network, 3)(experiment.data.example(2).inputs)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"metrics": ["own_bad:NOT_ONE"]}, "'own_bad:NOT_ONE' is no metric: a metric is a class"),
        ({"metrics": ["own_bad:Missing"]}, "has no 'Missing'"),
        ({"metrics": ["nowhere:Metric"]}, "there is no module 'nowhere' in"),
        ({"data": {"name": "own_bad:vectrs"}}, "has no 'vectrs'; did you mean 'vectors'"),
    ],
)
def test_files_that_do_not_hold_what_is_named(
    own: Path, changes: dict[str, Any], sentence: str
) -> None:
    assert sentence in refused(recipe(own, **changes))


def test_two_modules_of_one_name(own: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    Experiment(settled(parse(recipe(own)))).check()
    other = tmp_path_factory.mktemp("other")
    (other / "own_bad.py").write_text(OWN)
    said = refused(recipe(other))
    assert "may mean two modules of one name" in said
    assert str(own / "own_bad.py") in said and str(other / "own_bad.py") in said
