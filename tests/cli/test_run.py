from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spikedistill.training import trainer

QUICK = ["training.epochs=1", "data.train_limit=64", "training.batch_size=32",
         "phases.student.compare={}"]  # fmt: skip


def test_help_names_every_command_and_an_example(spike: Any) -> None:
    out = spike("--help").out
    for name in ("run", "resume", "evaluate", "list", "show", "cite", "doctor"):
        assert f" {name} " in out
        page = spike(name, "--help")
        assert page.code == 0 and f"Example: spikedistill {name}" in page.out


def test_help_is_quick_because_torch_is_not_imported() -> None:
    code = "import sys, spikedistill.cli; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_the_run_says_what_came_out_and_where_it_lies(spike: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = spike("run", "digits-sastc", *QUICK, "--out", folder)
    assert done.code == 0
    rows = json.loads((folder / "result.json").read_text())["rows"]
    assert f"{rows[1]['scores']['accuracy'][1]:.2f}" in done.out
    assert "student: cross_entropy + logit_kd + sastc" in done.out
    assert f"Everything lies in {folder}:" in done.out
    assert f"spikedistill evaluate {folder}" in done.out
    assert "epoch" in done.err and "epoch" not in done.out


def test_json_is_all_that_is_printed(spike: Any, tmp_path: Path) -> None:
    done = spike("run", "digits-sastc", *QUICK, "--out", tmp_path / "run", "--json", "--quiet",
                 "--seed", "3")  # fmt: skip
    result = json.loads(done.out)
    assert result["seed"] == 3 and result["run"] == str(tmp_path / "run")
    assert done.err == ""


def test_a_dry_run_builds_everything_and_writes_nothing(
    spike: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = json.loads(spike("run", "digits-sastc", *QUICK, "--dry-run", "--json").out)
    steps = [(row["cell"], row["steps"]) for row in found["cells"]]
    assert steps == [("teacher", 2), ("student", 2)] and found["missing"] == []
    shown = spike("run", "digits-sastc", *QUICK, "--dry-run").out
    assert "what would be trained" in shown and "35.7 k" in shown
    assert "(estimate for one NVIDIA H200 (SXM), not measured)" in " ".join(shown.split())
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_needs_no_data(
    spike: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPIKEDISTILL_DATA", str(tmp_path))
    done = spike("run", "cifar10-small-sastc", "phases.student.losses=[cross_entropy]",
                 "phases.student.compare={}", "--dry-run")  # fmt: skip
    text = " ".join(done.out.split())
    assert done.code == 0 and "not found: CIFAR-10 was not found" in text
    assert "not found: there are no weights weights-cifar10-resnet/resnet56.npz" in text
    assert "estimated from the published sizes of cifar10: 45,000 + 5,000 + 10,000" in text
    assert "Traceback" not in done.err and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["run"], 2, "Missing argument"),
        (["run", "digits-sastc", "--sed", "1"], 2, "No such option"),
        (["runn"], 2, "No such command"),
        (["run", "digits-sastc", "--seed", "-1"], 2, "Invalid value"),
        (["run", "digit-sastc"], 1, "Error: there is no recipe 'digit-sastc'; did you mean"),
        (["run", "nowhere/x.yaml"], 1, "Error: there is no recipe file nowhere/x.yaml"),
        (["run", "digits-sastc", "training.lr"], 1, "is no override; write key.path=value"),
        (["run", "digits-sastc", "trainng.lr=1"], 1, "did you mean 'training'?"),
        (["run", "cifar10-sastc", "--data-dir", "nowhere"], 1, "CIFAR-10 was not found"),
        (["run", "digits-sastc", "networks.teacher.weights=x.npz"], 1, "there are no weights x."),
        (["resume", "nowhere"], 1, "nowhere is not a run folder"),
        (["evaluate", "nowhere"], 1, "there is no run folder or model file nowhere"),
        (["cite", "nowhere"], 1, "nowhere is not a run folder"),
        (["show", "sastk"], 1, "nothing here is called 'sastk'; did you mean 'sastc'?"),
        (["list", "methds"], 2, "did you mean 'methods'?"),
    ],
)
def test_wrong_words(
    spike: Any,
    arguments: list[str],
    code: int,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = spike(*arguments)
    assert done.code == code
    assert sentence in done.err and "Traceback" not in done.err
    assert done.out == "" and list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_a_run(spike: Any, finished: Path) -> None:
    done = spike("run", "digits-sastc", *QUICK, "--out", finished)
    assert done.code == 1
    assert f"{finished} already holds a run" in done.err and "--replace" in done.err
    assert (finished / "result.json").exists()


def test_a_nan_loss_stops_with_a_sentence(spike: Any, tmp_path: Path) -> None:
    done = spike("run", "digits-sastc", *QUICK, "training.lr=1e30", "training.epochs=3",
                 "--out", tmp_path / "run", "--quiet")  # fmt: skip
    assert done.code == 1
    assert "training stopped" in done.err and "Traceback" not in done.err


def test_ctrl_c_keeps_the_state_and_says_how_to_go_on(
    spike: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(trainer._Training, "_step", lambda self, *_: self._interrupt())
        done = spike("run", "digits-sastc", *QUICK, "--out", folder, "--quiet")
    assert done.code == 130
    assert f"spikedistill resume {folder}" in done.err
    assert spike("resume", folder, "--quiet").code == 0


def test_a_real_process(tmp_path: Path) -> None:
    tool = [sys.executable, "-c", "from spikedistill.cli import main; main()"]
    words = ["run", "digits-sastc", "training.lrr=1", "--out", str(tmp_path / "run")]
    done = subprocess.run([*tool, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == (
        "Error: the recipe digits-sastc has a fault:\n"
        "  training.lrr: unknown option; did you mean 'lr'?\n"
    )
    shown = subprocess.run([*tool, *words, "--debug"], capture_output=True, text=True, check=False)
    assert shown.returncode == 1 and "Traceback" in shown.stderr
