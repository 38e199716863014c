"""What all benchmarks share: the options, turns in one process, medians and spread, the files."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from json import dumps
from pathlib import Path
from typing import Any

import torch

Step = Callable[[], object]
Row = dict[str, Any]


@dataclass(frozen=True)
class Limit:
    """When the turns of one group of steps end."""

    rounds: int
    seconds: float
    """No new round begins later than this after the first, so that a slow machine ends too."""
    at_least: int = 3
    """Rounds that run whatever they take."""


def options(
    doc: str | None, table: str, rounds: int, seconds: float, argv: Sequence[str] | None = None
) -> argparse.Namespace:
    """The command line of a table: `out`, `--rounds`, `--quick`, `--device`, `--no-peers` and more.

    Tensors and networks are from then on made on the device.

    Args:
        doc: the module's docstring; its first line is the description.
        table: the name under which the results are written.
        rounds: turns of every step, unless the command line or `seconds` says otherwise.
        seconds: see `Limit`, for every group of steps that take turns.
        argv: the arguments; None: those of the process.
    """
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("out", type=Path, nargs="?", help="the JSON; the table goes beside it")
    parser.add_argument("--rounds", type=int, help=f"turns of every step (default {rounds})")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to run")
    parser.add_argument("--no-peers", action="store_true", help="without the other libraries")
    parser.add_argument(
        "--peers", type=Path, default=Path("build/peers"), help="where the others are installed"
    )
    choice = parser.parse_args(argv)
    if choice.rounds is not None and choice.rounds < 1:
        parser.error(f"--rounds {choice.rounds} measures nothing; give at least 1")
    if choice.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda, and there is no GPU here")
    torch.set_default_device(choice.device if choice.device == "cuda" else None)
    choice.table = table
    # quick results stay apart: benchmarks/_page.py must never take them for measurements
    folder = Path("build/bench/quick") if choice.quick else Path("build/bench")
    choice.out = choice.out or folder / f"{table}.json"
    choice.rounds = choice.rounds or (1 if choice.quick else rounds)
    choice.limit = Limit(choice.rounds, seconds, at_least=min(3, choice.rounds))
    return choice


def run_turns(
    steps: Mapping[str, Step], limit: Limit, *, before: int = 0
) -> dict[str, list[float]]:
    """Milliseconds of every turn: in each round every step has one, after one that is not counted.

    Who begins changes from round to round, so nobody always follows the same one.

    Args:
        steps: name -> what is timed.
        limit: how many rounds.
        before: untimed calls ahead of every timed one, for steps so short that the memory left
            behind by the step before would show.
    """
    names = list(steps)
    times: dict[str, list[float]] = {name: [] for name in names}
    for step in steps.values():
        step()
    end = time.perf_counter() + limit.seconds
    for number in range(limit.rounds):
        if number >= limit.at_least and time.perf_counter() > end:
            break
        first = number % len(names)
        for name in names[first:] + names[:first]:
            for _ in range(before):
                steps[name]()
            wait()
            start = time.perf_counter()
            steps[name]()
            wait()
            times[name].append(1e3 * (time.perf_counter() - start))
    return times


def wait() -> None:
    """Until the GPU, where one is in use, has done all that it was given."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def device_type() -> str:
    """Where tensors are made: `cpu`, or `cuda` after `--device cuda`."""
    return torch.get_default_device().type


def summary(times: Mapping[str, Sequence[float]], base: str, **facts: Any) -> list[Row]:
    """One row per step: median, lowest, quartiles, and how it compares with `base`.

    `ratio` is the ratio of the medians. `ratio_of_pairs` is the median of the ratios within a
    round: neighbours in time share the machine's mood, so it is steadier on a busy machine.
    """
    middle = statistics.median(times[base])
    rows: list[Row] = []
    for name, values in times.items():
        low, high = quartiles(values)
        pairs = [a / b for a, b in zip(values, times[base], strict=True)]
        median = statistics.median(values)
        row = {
            "name": name,
            "rounds": len(values),
            "median_ms": median,
            "lowest_ms": min(values),
            "quartiles_ms": [low, high],
            "ratio": median / middle,
            "ratio_of_pairs": statistics.median(pairs),
        }
        rows.append(facts | {key: _rounded(value) for key, value in row.items()})
    return rows


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The first and the third; one value is both.

    >>> quartiles([1.0, 2.0, 3.0, 4.0, 5.0]), quartiles([7.0])
    ((2.0, 4.0), (7.0, 7.0))
    """
    if len(values) == 1:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def machine() -> dict[str, Any]:
    """What the figures hold for."""
    cpu = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(": ")[1] for line in lines if line.startswith("model name")), cpu)
    gpu = {"gpu": torch.cuda.get_device_name()} if device_type() == "cuda" else {}
    return {
        **gpu,
        "cpu": cpu,
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load": os.getloadavg()[0],
    }


def short(value: float) -> str:
    """A time or a size with about three digits.

    >>> short(1.234), short(12.34), short(1234.5)
    ('1.23', '12.3', '1234')
    """
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def times_table(what: str, rows: Sequence[Row], base: str) -> str:
    """Rows of `summary` as a Markdown table."""
    head = [what, "median, ms", "lowest", "quartiles", "rounds", f"x {base}", "median of ratios"]
    return markdown(
        head,
        (
            [
                row["name"],
                short(row["median_ms"]),
                short(row["lowest_ms"]),
                " - ".join(map(short, row["quartiles_ms"])),
                str(row["rounds"]),
                f"{row['ratio']:.2f}",
                f"{row['ratio_of_pairs']:.2f}",
            ]
            for row in rows
        ),
    )


def heading(versions: Mapping[str, str]) -> str:
    """One line: the machine, the date, who takes part."""
    about = machine()
    others = "".join(f", {name} {number}" for name, number in versions.items())
    where = f"{about['gpu']}; " if "gpu" in about else ""
    return (
        f"{where}{about['cpu']}, {about['threads']} threads, {about['instructions']}; torch "
        f"{about['torch']}, Python {about['python']}{others}; {about['date']}.\n"
    )


def write(
    choice: argparse.Namespace, text: str, results: Mapping[str, Any], versions: Mapping[str, str]
) -> None:
    """JSON at `choice.out`, the table beside it and on the screen."""
    about = {"table": choice.table, "quick": choice.quick, "machine": machine()}
    content = {**about, "versions": dict(versions), "rounds": choice.rounds, **results}
    text = heading(versions) + "\n" + text
    choice.out.parent.mkdir(parents=True, exist_ok=True)
    replace(choice.out, dumps(content, indent=1) + "\n")
    replace(choice.out.with_suffix(".md"), text)
    print(text)


def replace(path: Path, text: str) -> None:
    """Write a file that is whole at every moment."""
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
