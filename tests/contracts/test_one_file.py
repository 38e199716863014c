"""One new file is enough: one of each kind, beside the recipe, through every command.

The files of one_file/ are a stranger's: each lies beside a recipe that names it as `file:Name`. No
file of the library knows of it, and `run`, `evaluate`, `energy`, `report`, `plan` and `deploy`
work, or say why not.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from spikedistill.analysis.evaluate_run import evaluate_run
from spikedistill.analysis.run_energy import energy_of
from spikedistill.analysis.write_report import write_report
from spikedistill.build.saved import load as load_network
from spikedistill.cli import main
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.row import Row
from spikedistill.functional.compiled import compiling
from spikedistill.planning.plan import plan
from spikedistill.recipes.files import load
from spikedistill.runs.start import start

FILES = Path(__file__).parent / "one_file"
STUDENT = {"network": "student", "timesteps": 2, "trainable": True}
BASE: dict[str, Any] = {
    "name": "own",
    "data": {"name": "digits", "train_limit": 48},
    "networks": {
        "teacher": {"model": "digits", "width": 0.25},
        "student": {"model": "digits", "width": 0.25, "activation": {"lif": {"v_threshold": 0.5}}},
    },
    "training": {"epochs": 1, "batch_size": 16, "precision": "fp32", "compile": "off", "lr": 0.02},
    "phases": [
        {
            "roles": {"student": STUDENT, "teacher": {"network": "teacher"}},
            "losses": ["cross_entropy"],
        }
    ],
}


@dataclass(frozen=True)
class Case:
    """What the recipe says of a stranger's file, and what cannot work."""

    changes: dict[str, Any]
    """Dotted path in the recipe -> value."""
    refused: dict[str, str] = field(default_factory=dict)
    """Command -> part of the sentence that says why not."""
    metric: str = "accuracy"


def losses(*added: Any) -> dict[str, Any]:
    return {"phases.0.losses": ["cross_entropy", *added]}


def neuron(name: str, **options: Any) -> dict[str, Any]:
    return {"networks.student.activation": {name: options} if options else name}


def own(file: str, data: str) -> dict[str, Any]:
    """Data of a stranger with the two networks that stand beside them."""
    networks = {"teacher": {"call": f"{file}:ann"}, "student": {"call": f"{file}:snn"}}
    return {f"networks.{role}": value for role, value in networks.items()} | {
        "data": {"name": f"{file}:{data}"}
    }


CASES: dict[str, Case] = {
    "logit_method": Case(losses({"logit_method:Gap": {"weight": 0.5, "power": 1.5}})),
    "projected": Case(losses({"projected:Projected": {"tap": "stage3"}})),
    "drawing": Case(losses("drawing:Noisy")),
    "through_classifier": Case(losses("through_classifier:Through")),
    "spiking_guide": Case(
        losses("spiking_guide:Spikes")
        | {
            "networks.teacher.activation": {"lif": {"v_threshold": 0.5}},
            "phases.0.roles.teacher.timesteps": 2,
        }
    ),
    "cuba": Case(neuron("cuba:CUBA", decay=0.25)),
    "per_channel": Case(neuron("per_channel:PerChannel")),
    "integers": Case(neuron("integers:Integers")),
    "temporal_shift": Case({"networks.student.modules": [{"temporal_shift:Shift": {"folds": 2}}]}),
    "norm_per_step": Case({"networks.student.norm": {"norm_per_step:PerStep": {"eps": 1.0e-4}}}),
    "small_model": Case(
        {"networks.student": {"model": "small_model:small", "hidden": 6, "activation": "lif"}}
    ),
    "halved": Case(
        {
            "networks.student": {
                "from": "teacher",
                "by": {"halved:Halved": {"neuron": {"lif": {"v_threshold": 0.2}}, "share": 0.9}},
            },
            "phases.0.losses": [],
            "phases.0.training": {"epochs": 0},
        }
    ),
    "depth": Case({"metrics": [{"depth:Depth": {"scale": 2.0}}, "accuracy"]}, metric="depth"),
    "sentences": Case(
        own("sentences", "sentences") | losses({"logit_kd": {"temperature": 2.0}}),
        refused={"deploy": "takes several inputs (input_ids, mask)"},
    ),
    "films": Case(own("films", "films") | losses("logit_kd")),
    "tracking": Case(
        own("tracking", "pairs") | {"phases.0.losses": ["tracking:Boxes"]},
        metric="box_gap",
        refused={"deploy": "takes several inputs (template, search)"},
    ),
}


def written(folder: Path, what: str) -> Path:
    """The stranger's file and the recipe beside it."""
    shutil.copy(FILES / f"{what}.py", folder)
    recipe = json.loads(json.dumps(BASE))
    for path, value in CASES[what].changes.items():
        *keys, last = path.split(".")
        here = recipe
        for key in keys:
            here = here[int(key) if isinstance(here, list) else key]
        here[last] = value
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return path


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = set(sys.path)
    with compiling(False):
        yield
    for name in CASES:
        sys.modules.pop(name, None)
    sys.path[:] = [place for place in sys.path if place in before]


@pytest.fixture
def _forget_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikedistill.core.calls._PLACES", [])


def attempt(case: Case, command: str, action: Any) -> Any:
    """What a command gives; where it cannot work, its sentence is checked."""
    if command not in case.refused:
        return action()
    with pytest.raises(SpikedistillError) as error:
        action()
    assert case.refused[command] in str(error.value)
    return None


def deploy(run: Path) -> None:
    from spikedistill.cli import deploy as command

    inner = command.command.__wrapped__  # the sentence itself, without the command line's shield
    inner(run, weights="float", judge=False, as_json=True)


@pytest.mark.usefixtures("_forget_places")
@pytest.mark.parametrize("what", CASES)
def test_one_file_is_enough(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = CASES[what]
    recipe = load(str(written(tmp_path, what)))
    planned = plan(recipe, measure=None)
    assert planned["cells"][-1]["network"] == "student"
    out = tmp_path / "run"
    result = start(recipe, out)
    row = Row.from_plain(result["rows"][-1])
    assert row.metric == case.metric and row.score is not None and row.spiking
    again = attempt(case, "evaluate", lambda: evaluate_run(out))
    assert again["scores"] == row.scores
    cost = attempt(case, "energy", lambda: energy_of(out))
    assert cost["totals"]["45nm"]["snn_pj"] == pytest.approx(row.energy_pj)
    page = attempt(case, "report", lambda: write_report([out]))
    assert page.path.exists() and not page.lost and not page.missing
    attempt(case, "deploy", lambda: deploy(out))


def test_every_file_is_tried() -> None:
    assert {path.stem for path in FILES.glob("*.py")} == set(CASES)


@pytest.mark.usefixtures("_forget_places")
def test_a_layer_that_looks_ahead_is_judged_by_runs_and_not_by_prefixes(tmp_path: Path) -> None:
    recipe = load(str(written(tmp_path, "temporal_shift")))
    result = start(recipe, tmp_path / "run")
    row = Row.from_plain(result["rows"][-1])
    alone = evaluate_run(tmp_path / "run", timesteps=1)
    assert row.curve[0] == alone["scores"]["accuracy"][0]
    network = load_network(tmp_path / "run")
    inputs = torch.rand(1, 5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        run, prefix = network.over_time(inputs, 1), network.over_time(inputs, 2)[:1]
    assert not torch.allclose(run, prefix)  # so the two figures are not the same by nature


@pytest.mark.usefixtures("_forget_places")
def test_it_is_found_beside_the_recipe_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "logit_method")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(SystemExit) as end:
        main(["run", str(path), "--out", "here", "--quiet", "--json"])
    assert not end.value.code
    sys.modules.pop("logit_method", None)
    monkeypatch.setattr("spikedistill.core.calls._PLACES", [])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:  # the run knows where it was found
        main(["show", "logit_method:Gap"])
    assert not end.value.code
    assert "power" in capsys.readouterr().out
