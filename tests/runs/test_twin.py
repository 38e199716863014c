"""The recipe of the main job: a trained network, its twin, and the twin trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from spikedistill.build.cells import settled
from spikedistill.build.experiment import Experiment
from spikedistill.build.saved import load
from spikedistill.core.errors import SpikedistillError
from spikedistill.data import DataSet, handed_over
from spikedistill.recipes.schema import Recipe, parse
from spikedistill.runs.api import distill
from spikedistill.runs.budget import epochs_for
from spikedistill.runs.start import start
from spikedistill.runs.twin import twin_recipe, within


def data() -> DataSet:
    torch.manual_seed(0)
    labels = torch.arange(160) % 4
    images = 0.2 * torch.rand(160, 1, 8, 8)
    for index, label in enumerate(labels.tolist()):
        images[index, 0, 2 * label : 2 * label + 2] += 0.7
    return handed_over("rows", {"train": TensorDataset(images, labels), "classes": 4})


def recipe(**training: Any) -> Recipe:
    made = twin_recipe(
        "rows-twin",
        {"given": "an ANN"},
        {"given": "rows"},
        timesteps=2,
        training={"batch_size": 32, "precision": "fp32", "compile": "off", **training},
    )
    return parse(made)


class Ann(nn.Module):
    """Calls one activation three times, twice as a function."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.a, self.b = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, 2, 1)
        self.c, self.d, self.act = nn.Linear(128, 16), nn.Linear(16, 4), nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.b(torch.relu(self.a(x))))
        return self.d(self.act(self.c(x.flatten(1))))


@pytest.fixture(scope="module")
def trained() -> Ann:
    network, samples = Ann(), data().train
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    images = torch.stack([samples[index][0] for index in range(128)])
    labels = torch.stack([samples[index][1] for index in range(128)])
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
    return network


def test_the_twin_is_judged_as_it_was_made_and_then_trained(trained: Ann, tmp_path: Path) -> None:
    result = start(recipe(epochs=2), tmp_path / "run", networks={"teacher": trained}, data=data())
    rows = {row["cell"] or row["role"]: row for row in result["rows"]}
    assert list(rows) == ["teacher", "converted", "student"]
    score = {name: row["scores"]["accuracy"][-1] for name, row in rows.items()}
    assert score["teacher"] == 100.0 and score["converted"] > 60 and score["student"] > 90
    assert rows["converted"]["epochs"] == 0 and rows["student"]["epochs"] == 2
    assert rows["student"]["losses"] == ["cross_entropy", "logit_kd", "twin_features"]
    assert rows["converted"]["firing_rate"] > 0


def test_a_budget_becomes_epochs_once(trained: Ann, tmp_path: Path) -> None:
    made: list[Recipe] = []

    def experiment(one: Recipe) -> Experiment:
        made.append(one)
        return Experiment(settled(one), networks={"teacher": trained}, data=data())

    first = within(recipe(), 0.05, tmp_path / "run", experiment)
    epochs = first.settings(first.phases[-1]).epochs
    assert epochs >= 1 and first.settings(first.phases[0]).epochs == 0
    assert within(recipe(), None, tmp_path / "run", experiment) == recipe()
    start(first, tmp_path / "run", networks={"teacher": trained}, data=data())
    (tmp_path / "run" / "result.json").unlink()  # as if it had been stopped
    again = within(recipe(), 500.0, tmp_path / "run", experiment)
    assert again.settings(again.phases[-1]).epochs == epochs
    assert len(made) == 1


@pytest.mark.parametrize(
    ("minutes", "sentence"),
    [
        (1e-6, r"1e-06 minutes are shorter than one epoch, which takes about .* \(4 steps of 32"),
        (0.0, "a budget of 0 minutes is none"),
    ],
)
def test_a_budget_that_is_too_small_is_refused(trained: Ann, minutes: float, sentence: str) -> None:
    made = Experiment(settled(recipe()), networks={"teacher": trained}, data=data())
    with pytest.raises(SpikedistillError, match=sentence):
        epochs_for(made, minutes)


def test_from_python_without_a_student(trained: Ann, tmp_path: Path) -> None:
    quick: dict[str, Any] = {"batch_size": 32, "precision": "fp32", "compile": "off", "quiet": True}
    result = distill(trained, data(), timesteps=3, epochs=2, out=tmp_path / "run", **quick)
    assert [row.cell for row in result.rows] == [None, "converted", "student"]
    assert result.rows[-1].steps == "1 x 3" and result.network.timesteps == 1
    assert result.accuracy > 90
    images = torch.rand(5, 1, 8, 8)
    again = load(result.run, network={"teacher": trained})
    assert torch.equal(again(images), result.network(images))
    timed = distill(trained, data(), minutes=0.05, out=tmp_path / "timed", **quick)
    assert (timed.rows[-1].epochs or 0) >= 1
    with pytest.raises(SpikedistillError, match="after at least 1 time step, not 0"):
        distill(trained, data(), timesteps=0, out=tmp_path / "none", **quick)
    with pytest.raises(SpikedistillError, match="no data were given; call distill"):
        distill(trained, trained, out=tmp_path / "none", **quick)
