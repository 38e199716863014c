"""Costs of a finished student stopped earlier: at T they are those of the table of its run."""

import json

import pytest

from spikedistill.functional.compiled import compiling
from spikedistill.recipes.files import load
from spikedistill.runs.start import start
from spikedistill.studies._stopped import stopped

QUICK = ["training.epochs=1", "data.train_limit=64", "phases.student.compare={}",
         "networks.student.activation={lif: {v_threshold: 0.2}}"]  # fmt: skip


def test_after_all_steps_it_costs_what_the_run_says(tmp_path):
    with compiling(False):
        start(load("digits-sastc", QUICK), tmp_path / "run")
    one, two = stopped(tmp_path / "run", None)
    row = json.loads((tmp_path / "run/result.json").read_text())["rows"][-1]
    for name in ("firing_rate", "synops", "multiplications", "energy_pj"):
        assert two[name] == pytest.approx(row[name]), name
    # the classifier multiplies at both steps, the stem only once
    assert one["synops"] < two["synops"] and one["multiplications"] < two["multiplications"]
