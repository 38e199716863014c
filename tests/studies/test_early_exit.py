"""Early exit of a finished run, measured from its folder."""

from pathlib import Path

import pytest

from spikedistill.analysis.evaluate_run import evaluate_run
from spikedistill.recipes.files import load
from spikedistill.runs.start import start
from spikedistill.studies._early_exit import THRESHOLDS, early_exit

QUICK = ["training.epochs=1", "data.train_limit=64", "phases.student.compare={}"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    from spikedistill.functional.compiled import compiling

    folder = tmp_path_factory.mktemp("run") / "run"
    with compiling(False):
        start(load("digits-sastc", QUICK), folder)
    return folder


def test_threshold_one_is_the_whole_network_and_lower_ones_take_fewer_steps(run):
    found = early_exit(run, None)
    assert [row["threshold"] for row in found["curve"]] == list(THRESHOLDS)
    whole = found["curve"][-1]
    assert whole["steps"] == 2.0
    assert whole["accuracy"] == pytest.approx(evaluate_run(run)["scores"]["accuracy"][-1])
    steps = [row["steps"] for row in found["curve"]]
    assert steps == sorted(steps) and steps[0] == 1.0
    assert 1.0 <= found["chosen"]["steps"] <= 2.0
