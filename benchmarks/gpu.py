"""The tables on a GPU, and the paper's CIFAR recipes in a time budget: unattended, resumable.

    python benchmarks/gpu.py build/bench/gpu.json --minutes 25

First each recipe is trained, teacher and student, T = 2: steps are measured, the number of epochs
is chosen so that all recipes fit in the minutes, and the milestones move in proportion. Batches and
rates are set for one large GPU (`BATCH`, rates times the root of the ratio of the batches), bf16,
channels_last, the images resident on the device. After every epoch what is known is written to the
JSON and the table beside it; a call with the same file goes on from there, within an epoch too.
Then come layer, step, distill, inference and memory with `--device cuda`. Without a GPU it says so.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from _bench import heading, machine, markdown, replace
from _budget import TIMED, Fit, fitted

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.row import Row, main_score
from spikedistill.planning.devices import DEVICES
from spikedistill.planning.plan import plan
from spikedistill.recipes.files import load
from spikedistill.runs.start import start
from spikedistill.training.interrupt import Interrupted
from spikedistill.training.progress import Silent
from spikedistill.training.run_folder import RunFolder

RECIPES = ("cifar10-sastc", "cifar100-sastc")
TABLES = ("layer", "step", "distill", "inference", "memory")
BATCH = 256
KEPT = "training.save_every=30"
TABLE_SECONDS = 900
"""A table that takes longer is given up: the others still get their turn."""


class Told(Silent):
    """Writes what is known to the results after every epoch."""

    def __init__(self, results: Results, row: dict[str, Any]) -> None:
        self.results, self.row, self.title = results, row, ""

    def begin(self, title: str, epochs: int, steps: int, done: int) -> None:
        """A training begins, or goes on."""
        self.title = title

    def epoch(self, row: dict[str, Any]) -> None:
        """Keep the line of an epoch."""
        told = self.row["trainings"].setdefault(self.title, {})
        told |= {"epoch": row["epoch"], "samples_per_second": round(row["samples_per_second"])}
        told |= {"seconds": round(row["seconds"], 1), "losses": row["losses"]}
        if row.get("valid"):
            told["valid"] = main_score(row["valid"])
        self.results.write()
        print(f"{self.row['recipe']} {self.title}: {json.dumps(told)}", flush=True)

    def say(self, text: str) -> None:
        """A sentence that the user should read."""
        print(text, flush=True)


class Results:
    """The JSON and its table, each whole at every moment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[str, Any] = {"table": "gpu", "rows": [], "tables": {}}
        if path.exists():
            self.found = json.loads(path.read_text(encoding="utf-8"))

    def row(self, recipe: str) -> dict[str, Any]:
        """The row of a recipe, new where there is none."""
        for row in self.found["rows"]:
            if row["recipe"] == recipe:
                return row
        self.found["rows"].append({"recipe": recipe, "trainings": {}})
        return self.found["rows"][-1]

    @property
    def gpu(self) -> str:
        """The name of the GPU; empty where none is used."""
        return torch.cuda.get_device_name() if torch.cuda.is_available() else ""

    def write(self) -> None:
        """Put both files in place."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.found["machine"] = machine() | ({"gpu": self.gpu} if self.gpu else {})
        replace(self.path, json.dumps(self.found, indent=1) + "\n")
        replace(self.path.with_suffix(".md"), heading({}) + "\n" + table(self.found["rows"]))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each recipe: where it stands, beside what was published."""
    head = ["recipe", "claim", "test accuracy", "validation so far", "epochs (recipe's)", "B",
            "images/s", "minutes", "command"]  # fmt: skip
    lines = []
    for row in rows:
        student = row["trainings"].get("student", {})
        final = row.get("accuracy")
        lines.append(
            [
                row["recipe"],
                "-" if row.get("claim") is None else f"{row['claim']:.2f}",
                "-" if final is None else f"{final:.2f}",
                "-" if student.get("valid") is None else f"{student['valid']:.2f}",
                f"{student.get('epoch', 0)} of {row.get('epochs', '?')} ({row.get('of', '?')})",
                str(row.get("batch_size", "-")),
                str(student.get("samples_per_second", "-")),
                f"{sum(t['seconds'] for t in row['trainings'].values()) / 60:.1f}",
                f"`{row.get('command', '')}`",
            ]
        )
    return markdown(head, lines)


def for_one_gpu(recipe: str, batch: int | None) -> list[str]:
    """Overrides for a large batch: rates grow with the root of it, in bf16."""
    loaded = load(recipe)
    words = [KEPT, *(f"phases.{phase.name}.compare={{}}" for phase in loaded.phases)]
    if batch is None:
        return words
    words += [f"training.batch_size={batch}", "training.precision=bf16"]
    for phase in loaded.phases:
        settings = loaded.settings(phase)
        rate = settings.lr * (batch / settings.batch_size) ** 0.5
        words.append(f"phases.{phase.name}.training.lr={rate:.4g}")
    return words


def train(recipe: str, choice: argparse.Namespace, results: Results) -> None:
    """One recipe in its part of the budget, or what is left of it."""
    folder, row = choice.out.with_suffix("") / recipe, results.row(recipe)
    if "accuracy" in row:  # also where the folder of the run did not come along
        return
    row.pop("problem", None)
    if "fit" not in row:
        words = for_one_gpu(recipe, choice.batch) + choice.set
        seconds = 60 * choice.minutes / len(choice.recipe)
        fit = fitted(recipe, words, seconds, choice.steps)
        row |= {"fit": fit.plain(), "epochs": fit.epochs, "of": fit.of}
    fit = Fit.from_plain(row["fit"])
    chosen = load(recipe, fit.overrides)
    row["command"] = " ".join(["spikedistill run", recipe, *map(_quoted, fit.overrides)])
    row["claim"] = chosen.claim and chosen.claim.value
    row["batch_size"] = chosen.settings(chosen.phases[-1]).batch_size
    if "estimate_ms" not in row:
        known = [d for key, d in DEVICES.items() if key.upper() in results.gpu]
        cells = plan(chosen, measure=None, device=known[0])["cells"] if known else []
        row["estimate_ms"] = {c["cell"]: 1e3 * c["seconds"]["step"] for c in cells}
    results.write()
    done = RunFolder(folder).result()
    result = done or start(chosen, folder, exist="resume", progress=Told(results, row))
    row |= {"accuracy": Row.from_plain(result["rows"][-1]).score, "result": result}
    results.write()


def _quoted(word: str) -> str:
    return f"'{word}'" if any(sign in word for sign in " []{}") else word


def measure(name: str, choice: argparse.Namespace, results: Results) -> None:
    """One of the other tables on the device, in a process of its own; not again if it is there."""
    if results.found["tables"].get(name) == "done":
        return
    script = Path(__file__).with_name(f"{name}.py")
    out = choice.out.with_suffix("") / f"{name}.json"
    command = [sys.executable, str(script), str(out), "--device", choice.device]
    command += [] if choice.peers.is_dir() and not choice.no_peers else ["--no-peers"]
    command += ["--peers", str(choice.peers), *(["--quick"] if choice.quick else [])]
    with subprocess.Popen(command, start_new_session=True) as child:
        try:
            done = child.wait(TABLE_SECONDS)
            results.found["tables"][name] = "done" if done == 0 else f"failed with {done}"
        except subprocess.TimeoutExpired:
            results.found["tables"][name] = f"given up after {TABLE_SECONDS} s"
        finally:
            if child.poll() is None:  # with all processes that it began
                os.killpg(child.pid, signal.SIGKILL)
    results.write()


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, nargs="?", default=Path("build/bench/gpu.json"))
    parser.add_argument("--minutes", type=float, default=25.0, help="for all recipes together")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--recipe", action="append", help=f"default {', '.join(RECIPES)}")
    parser.add_argument("--set", action="append", default=[], help="an override of the recipes")
    parser.add_argument("--batch", type=int, help=f"images a step (default {BATCH} on a GPU)")
    parser.add_argument("--steps", type=int, default=TIMED, help="steps to time of each training")
    parser.add_argument("--only", choices=("train", "tables"), help="one of the two parts")
    parser.add_argument("--quick", action="store_true", help="tiny tables: do they run at all?")
    parser.add_argument("--rounds", type=int, help="taken for the other tables' sake")
    parser.add_argument("--no-peers", action="store_true", help="without the other libraries")
    parser.add_argument("--peers", type=Path, default=Path("build/peers"))
    choice = parser.parse_args(argv)
    if choice.minutes <= 0 or choice.steps < 1:
        parser.error("--minutes must be above 0 and --steps at least 1")
    choice.recipe = choice.recipe or list(RECIPES)
    if choice.device == "cuda":
        choice.batch = choice.batch or BATCH
    return choice


def main(argv: Sequence[str] | None = None) -> None:
    """Train and measure what is not there yet."""
    choice = parsed(argv)
    if choice.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before anything asks for one
    elif not torch.cuda.is_available():
        print("no GPU here: nothing was trained or measured")
        return
    results, begun = Results(choice.out), time.perf_counter()
    for recipe in () if choice.only == "tables" else choice.recipe:
        try:
            train(recipe, choice, results)
        except Interrupted as stopped:
            results.write()
            print(f"{recipe}: {stopped}; go on with the same command", file=sys.stderr)
            sys.exit(130)
        except (SpikedistillError, RuntimeError, OSError) as problem:  # the next may still work
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            results.row(recipe)["problem"] = str(problem)
            results.write()
            print(f"{recipe}: {problem}", file=sys.stderr)
    for name in () if choice.only == "train" else TABLES:
        measure(name, choice, results)
    print(choice.out.with_suffix(".md").read_text(encoding="utf-8"))
    print(f"{(time.perf_counter() - begun) / 60:.1f} minutes; results: {choice.out}")
    if any("problem" in row for row in results.found["rows"]):
        sys.exit(1)


if __name__ == "__main__":
    main()
