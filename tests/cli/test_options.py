"""Networks and data that came from Python, named on the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

import spikedistill
from spikedistill.cli._options import by_name
from spikedistill.core import calls
from spikedistill.functional.compiled import compiling
from spikedistill.runs.api import Result

MODULE = """
import torch
from torch import nn
from torch.utils.data import TensorDataset
from spikedistill import LIF, spiking_twin

def teacher():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))

def student():
    return spiking_twin(teacher(), LIF(v_threshold=0.3))

def data():
    pictures = torch.rand(160, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    return TensorDataset(pictures, (pictures[:, 0, :4].mean((1, 2)) > 0.5).long())
"""
BOTH = ("--network", "student=handed_cli:student", "--network", "teacher=handed_cli:teacher")
DATA = ("--data", "handed_cli:data")


@dataclass(frozen=True)
class Own:
    """A run from Python, and the folder of the file that made its networks and data."""

    result: Result
    place: Path
    module: Any


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    place = tmp_path_factory.mktemp("own")
    (place / "handed_cli.py").write_text(MODULE)
    sys.path.append(str(place))
    import handed_cli  # type: ignore[import-not-found]

    with compiling(False):
        result = spikedistill.distill(
            handed_cli.teacher(), handed_cli.student(), handed_cli.data(), epochs=1,
            batch_size=16, quiet=True, precision="fp32", out=place / "run",
            losses={"cross_entropy": {}, "logit_kd": {}},
        )  # fmt: skip
    yield Own(result, place, handed_cli)
    sys.path.remove(str(place))
    sys.modules.pop("handed_cli")


@pytest.fixture
def own(whole: Own, monkeypatch: pytest.MonkeyPatch) -> Own:
    monkeypatch.setattr(calls, "_PLACES", [])
    monkeypatch.chdir(whole.place)
    return whole


@pytest.mark.parametrize("command", ["evaluate", "energy", "deploy"])
def test_what_is_missing_is_said_in_the_words_of_the_command_line(
    spike: Any, own: Own, command: str
) -> None:
    done = spike(command, own.result.run)
    assert done.code == 1 and "network 'student'" in done.err
    how = "hand it over: --network module:factory, from Python network=..."
    assert done.err.strip().endswith(how) and "Traceback" not in done.err
    more = ("--evaluate",) if command == "deploy" else ()
    done = spike(command, own.result.run, "--network", "handed_cli:student", *more)
    assert done.code == 1
    assert done.err.strip().endswith("hand it over: --data module:factory, from Python data=...")


def test_evaluate(spike: Any, own: Own) -> None:
    done = spike("evaluate", own.result.run, "--network", "handed_cli:student", *DATA, "--json")
    found, row = json.loads(done.out), own.result.rows[-1]
    assert found["scores"] == row.scores and found["synops"] == row.synops
    assert found["notes"] == [] and found["data"] == "handed_cli:data"
    shown = spike("evaluate", own.result.run, *BOTH, "--data", "digits")
    assert shown.code == 1 and "Traceback" not in shown.err


def test_energy_is_that_of_python(spike: Any, own: Own) -> None:
    done = spike("energy", own.result.run, *BOTH, *DATA, "--json")
    networks = {"student": own.module.student(), "teacher": own.module.teacher()}
    found = spikedistill.energy(own.result.run, network=networks, data=own.module.data())
    assert json.loads(done.out) == {**found, "data": "handed_cli:data"} | {
        "sentences": [one.replace("TensorDataset", "handed_cli:data") for one in found["sentences"]]
    }
    assert found["totals"]["45nm"]["snn_pj"] == pytest.approx(own.result.rows[-1].energy_pj)
    assert found["totals"]["memory"]["teacher_pj"] > 0  # the teacher was there


def test_deploy(spike: Any, own: Own) -> None:
    done = spike("deploy", own.result.run, *BOTH, *DATA, "--evaluate", "--json")
    assert json.loads(done.out)["before"]["score"] == own.result.score


def test_report(spike: Any, own: Own, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = spike("report", own.result.run, "--out", page)
    assert done.code == 0 and "--network module:factory --data module:factory" in done.err
    assert "<h3>Confusion</h3>" not in page.read_text()
    done = spike("report", own.result.run, *BOTH, *DATA, "--out", page)
    assert done.code == 0 and "note:" not in done.err
    assert "<h3>Confusion</h3>" in page.read_text()


def test_files_and_names_that_are_wrong(spike: Any, own: Own) -> None:
    def refused(network: str) -> str:
        done = spike("evaluate", own.result.run, "--network", network, *DATA)
        assert done.code == 1 and "Traceback" not in done.err
        return str(done.err)

    assert "there is no module 'handed_clo'" in refused("handed_clo:student")
    assert "has no 'pupil'" in refused("handed_cli:pupil")
    assert "the run has student, teacher" in refused("pupil=handed_cli:student")
    assert "'1' is no layer of neurons and was LIF" in refused("handed_cli:teacher")
    assert "must return a torch.nn.Module" in refused("handed_cli:data")


def test_other_commands_say_what_they_can_do(spike: Any, own: Own) -> None:
    done = spike("resume", own.result.run)
    assert done.code == 1 and "call spikedistill.distill with the same arguments" in done.err
    assert "--network" not in done.err


def test_networks_by_name() -> None:
    assert by_name(None) is None and by_name(["a:b"]) == "a:b"
    assert by_name(["x=a:b"]) == {"x": "a:b"}
    assert by_name(["x=a:b", "y=c:d"]) == {"x": "a:b", "y": "c:d"}
    for wrong in (["a:b", "x=c:d"], ["x=a:b", "x=c:d"]):
        with pytest.raises(typer.BadParameter, match="name each once"):
            by_name(wrong)
