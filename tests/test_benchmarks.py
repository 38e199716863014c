"""The harness of benchmarks/: turns, medians, tables, the page, and one table from start to end."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from spikedistill.functional.compiled import compiling
from spikedistill.recipes import files
from spikedistill.training.interrupt import Interrupted

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
Get = Callable[[str], ModuleType]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[Get]:
    """Modules of benchmarks/ by name, forgotten afterwards: their names are common words."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield importlib.import_module
    own = {file.stem for file in BENCHMARKS.glob("*.py")}
    for name in own & (set(sys.modules) - before):
        del sys.modules[name]


def run(table: str, *arguments: str, cwd: Path, **environment: str) -> Path:
    """Run a table in a process of its own; where its JSON lies."""
    command = [sys.executable, str(BENCHMARKS / f"{table}.py"), *arguments]
    subprocess.run(command, cwd=cwd, env=os.environ | environment, check=True)
    return cwd / f"build/bench/quick/{table}.json"


class Clock:
    """A clock that only steps move."""

    now = 0.0

    def step(self, *seconds: float) -> Callable[[], None]:
        """A step that takes these seconds, one after the other."""
        left = iter(seconds)

        def run() -> None:
            self.now += next(left)

        return run


@pytest.fixture
def clock(module: Get, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module("_bench").time, "perf_counter", lambda: clock.now)
    return clock


def test_every_step_has_one_counted_turn_a_round(module: Get, clock: Clock) -> None:
    bench = module("_bench")
    steps = {"a": clock.step(9.0, 1.0, 2.0, 4.0), "b": clock.step(9.0, 2.0, 2.0, 2.0)}
    times = bench.run_turns(steps, bench.Limit(rounds=3, seconds=1e9))
    assert times == {"a": [1e3, 2e3, 4e3], "b": [2e3, 2e3, 2e3]}
    a, b = bench.summary(times, "b", T=4)
    assert (a["median_ms"], a["lowest_ms"], a["quartiles_ms"]) == (2e3, 1e3, [1.5e3, 3e3])
    assert (a["T"], a["rounds"], a["ratio"], a["ratio_of_pairs"]) == (4, 3, 1.0, 1.0)
    assert b["quartiles_ms"] == [2e3, 2e3]


def test_who_begins_changes_and_calls_before_a_turn_do_not_count(module: Get, clock: Clock) -> None:
    bench, order = module("_bench"), []
    steps = {name: lambda name=name: order.append(name) for name in "abc"}
    times = bench.run_turns(steps, bench.Limit(rounds=2, seconds=1e9), before=1)
    assert "".join(order) == "abc" + "aabbcc" + "bbccaa"
    assert {len(values) for values in times.values()} == {2}


def test_turns_end_when_the_time_is_over_but_not_before_some_rounds(
    module: Get, clock: Clock
) -> None:
    bench = module("_bench")
    steps = {"a": clock.step(*[1.0] * 9)}
    assert len(bench.run_turns(steps, bench.Limit(8, seconds=4.5))["a"]) == 5
    steps = {"a": clock.step(*[1.0] * 9)}
    assert len(bench.run_turns(steps, bench.Limit(8, seconds=0.0, at_least=2))["a"]) == 2


def test_the_text_of_a_table(module: Get) -> None:
    bench = module("_bench")
    rows = bench.summary({"ours": [5.0, 6.0, 7.0], "ANN": [12.0, 12.0, 12.0]}, "ANN")
    assert bench.times_table("step", rows, "ANN").splitlines() == [
        "| step | median, ms | lowest | quartiles | rounds | x ANN | median of ratios |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| ours | 6.00 | 5.00 | 5.50 - 6.50 | 3 | 0.50 | 0.50 |",
        "| ANN | 12.0 | 12.0 | 12.0 - 12.0 | 3 | 1.00 | 1.00 |",
    ]


def test_quick_results_stay_apart_and_rounds_are_checked(module: Get) -> None:
    bench = module("_bench")
    quick = bench.options("A table.", "step", 7, 1.0, ["--quick"])
    whole = bench.options("A table.", "step", 7, 1.0, ["--rounds", "2"])
    assert (str(quick.out), quick.limit.rounds) == ("build/bench/quick/step.json", 1)
    assert (str(whole.out), whole.limit.rounds) == ("build/bench/step.json", 2)
    assert whole.limit.at_least == 2
    with pytest.raises(SystemExit):
        bench.options("A table.", "step", 7, 1.0, ["--rounds", "0"])


def test_the_share_of_a_copy(module: Get) -> None:
    rows = [
        {"name": "ours", "median_ms": 5.0},
        {"name": "copy into a buffer", "median_ms": 1.0},
        {"name": "copy into fresh memory", "median_ms": 2.0},
    ]
    module("layer").shares(rows, tensors=5)  # a copy moves 2 tensors: at its speed 2.5 ms
    assert rows[0]["share_of_buffer"] == 0.5
    assert rows[0]["share_of_fresh"] == 1.0


def test_tables_replace_what_stands_between_their_markers(module: Get) -> None:
    page = module("_page")
    text = "a\n<!-- bench:x -->\nold\n<!-- /bench -->\nb\n<!-- bench:y -->\nkept\n<!-- /bench -->\n"
    filled = page.filled(text, {"x": "new\n"})
    assert filled == text.replace("old", "\nnew\n")
    assert page.filled(filled, {"x": "new\n"}) == filled
    with pytest.raises(ValueError, match="no place for the table z"):
        page.filled(text, {"z": ""})
    with pytest.raises(ValueError, match=r"without its <!-- /bench -->: x"):
        page.filled("<!-- bench:x -->\n<!-- bench:y -->\n<!-- /bench -->\n", {})


def test_every_table_has_a_place_on_the_page(module: Get) -> None:
    text = (BENCHMARKS.parent / "docs/performance.md").read_text("utf-8")
    tables = {file.stem: "" for file in BENCHMARKS.glob("[a-z]*.py")}
    assert len(tables) == 9
    module("_page").filled(text, tables)  # raises where one has none


def test_what_is_saved_for_backward_is_counted_by_kind(module: Get) -> None:
    saved = module("_saved")
    network = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Sigmoid(), nn.Threshold(0.5, 0.0))
    inputs = torch.tensor([[0.0, 1.0, 1.0]] * 2)

    def step() -> None:
        network(inputs).sum().backward()

    found = saved.saved_by_kind(network, step, again=False)
    assert dict(found) == {  # Threshold keeps its input, which Sigmoid keeps already
        ("Linear", "float32", "spikes"): 2 * 3 * 4,
        ("Sigmoid", "float32", "real"): 2 * 4 * 4,
    }
    assert saved.activations(network, (nn.Sigmoid,), step) == 2 * 4


def test_a_copy_of_the_weights_in_bf16_is_no_value_of_a_neuron(module: Get) -> None:
    saved = module("_saved")
    network = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            out = network(torch.rand(1, 2, 5, 5))
        out.float().sum().backward()

    found = saved.saved_by_kind(network, step, again=True)
    assert found["Conv2d", "bfloat16", "weights"] == 3 * 2 * 3 * 3 * 2
    assert found["Conv2d", "bfloat16", "real"] == 2 * 5 * 5 * 2


def test_networks_without_others_do_the_work_they_say(module: Get) -> None:
    networks = module("_networks")
    every = networks.variants(None)
    blueprint = importlib.import_module("spikedistill.models.resnet").resnet18

    def small(activation: object) -> nn.Module:
        return blueprint(activation, width=0.0625)

    made = {name: networks.case(every[name], small, 2, 3, 8) for name in every}
    assert len(made[networks.ANN].images) == 6
    assert len(made[networks.EAGER].images) == 3
    made[networks.EAGER].train()
    gradients = [p.grad for p in made[networks.EAGER].module.parameters()]
    assert all(g is not None and g.isfinite().all() for g in gradients)
    networks.settle(made[networks.EAGER])
    logits = made[networks.EAGER].infer()
    assert logits.shape == (3, 10) and logits.std(0).min() > 0


def test_the_table_data_runs_from_start_to_end(tmp_path: Path) -> None:
    empty = tmp_path / "no-data"
    file = run("data", "--quick", "--no-peers", cwd=tmp_path, SPIKEDISTILL_DATA=str(empty))
    results = json.loads(file.read_text("utf-8"))
    assert results["source"] == "random images of the same shape"
    assert results["quick"] and results["machine"]["torch"] == torch.__version__
    for row in results["rows"]:
        assert row["images_per_s"] == pytest.approx(256e3 / row["median_ms"], rel=0.01)
    table = file.with_suffix(".md").read_text("utf-8")
    assert all(f"| {row['name']} |" in table for row in results["rows"])


@pytest.mark.compiled
def test_the_table_step_runs_from_start_to_end(tmp_path: Path) -> None:
    file = run("step", "--quick", "--no-peers", cwd=tmp_path)
    results = json.loads(file.read_text("utf-8"))
    names = {row["name"] for row in results["rows"] if row["network"] == "ResNet-19"}
    assert names == {"ANN on T x B images", "spikedistill", "spikedistill, eager"}


def test_a_schedule_shortened_to_fit(module: Get) -> None:
    budget, load = module("_budget"), files.load
    words = budget.shortened(load("cifar10-sastc"), 24)
    shorter = load("cifar10-sastc", words)
    for phase in shorter.phases:
        settings = shorter.settings(phase)
        assert (settings.epochs, settings.milestones) == (24, (15, 18, 21))
    assert "phases.student.training.milestones=[1, 2]" in budget.shortened(shorter, 2)
    assert "phases.teacher.training.warmup=0.2" in budget.shortened(load("digits-sastc"), 3)
    uneven = load("cifar10-sastc", ["phases.teacher.training.epochs=120"])
    shorter = load("cifar10-sastc", budget.shortened(uneven, 24))
    assert [shorter.settings(phase).epochs for phase in shorter.phases] == [12, 24]


def test_a_large_batch_has_a_larger_rate(module: Get) -> None:
    words = module("gpu").for_one_gpu("cifar10-sastc", 256)
    recipe = files.load("cifar10-sastc", words)
    rates = [recipe.settings(phase).lr for phase in recipe.phases]
    assert rates == pytest.approx([0.2, 0.02]) and not recipe.phases[1].compare
    assert recipe.settings(recipe.phases[1]).batch_size == 256


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, and it would be measured")
def test_without_a_gpu_it_says_so(
    module: Get, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module("gpu").main([str(tmp_path / "gpu.json"), "--quick", "--no-peers", "--rounds", "2"])
    assert capsys.readouterr().out == "no GPU here: nothing was trained or measured\n"
    assert list(tmp_path.iterdir()) == []


def test_a_training_in_a_budget_goes_on_where_it_stopped(
    module: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu, out = module("gpu"), tmp_path / "gpu.json"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # what the script sets is taken back
    words = ["--device", "cpu", "--recipe", "digits-sastc", "--steps", "1", "--only", "train"]
    for word in ("data.train_limit=64", "training.batch_size=32"):
        words += ["--set", word]
    arguments = [str(out), "--minutes", "0.001", *words]
    told = gpu.Told.epoch

    def stop(self: object, row: dict[str, object]) -> None:
        told(self, row)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt), compiling(False):
        patch.setattr(gpu.Told, "epoch", stop)
        gpu.main(arguments)
    (half,) = json.loads(out.read_text("utf-8"))["rows"]
    assert half["trainings"]["teacher"]["epoch"] == 1 and "accuracy" not in half
    with compiling(False):
        gpu.main([str(out), "--minutes", "9", *words])  # other minutes change nothing that is begun
    (row,) = json.loads(out.read_text("utf-8"))["rows"]
    assert row["fit"] == half["fit"] and (row["epochs"], row["of"]) == (1, 15)
    assert row["accuracy"] == row["result"]["rows"][-1]["scores"]["accuracy"][-1]
    student = row["trainings"]["student"]
    assert student["valid"] == row["result"]["rows"][-1]["valid"]
    assert student["samples_per_second"] > 0
    assert row["trainings"]["teacher"] == half["trainings"]["teacher"]  # not trained again
    assert "| digits-sastc | - |" in out.with_suffix(".md").read_text("utf-8")
    monkeypatch.setattr(gpu, "start", None)
    shutil.rmtree(out.with_suffix(""))  # only the JSON came along
    gpu.main(arguments)  # finished: nothing is done again
    assert json.loads(out.read_text("utf-8"))["rows"][0]["accuracy"] == row["accuracy"]


@pytest.mark.parametrize("fault", ["memory", "user"])
def test_a_recipe_that_fails_leaves_the_others_their_turn_and_a_user_ends_all(
    module: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    gpu, out, tried = module("gpu"), tmp_path / "gpu.json", list[str]()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    def train(recipe: str, *_: object) -> None:
        tried.append(recipe)
        raise Interrupted("stopped") if fault == "user" else RuntimeError("CUDA out of memory")

    monkeypatch.setattr(gpu, "train", train)
    words = ["--device", "cpu", "--only", "train", "--recipe", "a", "--recipe", "b"]
    with pytest.raises(SystemExit) as ended:
        gpu.main([str(out), *words])
    rows = json.loads(out.read_text("utf-8"))["rows"]
    if fault == "user":
        assert (ended.value.code, tried, rows) == (130, ["a"], [])
    else:
        assert (ended.value.code, tried) == (1, ["a", "b"])
        assert [row["problem"] for row in rows] == ["CUDA out of memory"] * 2
