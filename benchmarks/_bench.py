"""What the benchmarks share: turns in one process, medians, the machine, JSON and a table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch


def options(doc: str | None, name: str, rounds: int) -> argparse.Namespace:
    """`out` and `--rounds` of the command line."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument(
        "out", type=Path, nargs="?", default=Path(f"build/bench/{name}.json"),
        help="where the JSON goes; the table goes beside it",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=rounds)
    return parser.parse_args()


def run_turns(
    steps: Mapping[str, Callable[[], object]], rounds: int, unit: str
) -> list[dict[str, Any]]:
    """One row per step: each has one turn a round, after one that does not count."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            times[name].append(1e3 * (time.perf_counter() - start))
    base = statistics.median(times[unit])
    return [
        {
            "name": name,
            "median_ms": round(statistics.median(values), 2),
            "lowest_ms": round(min(values), 2),
            "highest_ms": round(max(values), 2),
            "ratio": round(statistics.median(values) / base, 3),
            # neighbours in time share the machine's mood: the steadier figure on a busy machine
            "ratio_of_pairs": round(
                statistics.median(a / b for a, b in zip(values, times[unit], strict=True)), 3
            ),
        }
        for name, values in times.items()
    ]


def machine() -> dict[str, Any]:
    """What the figures hold for."""
    cpu = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(": ")[1] for line in lines if line.startswith("model name")), cpu)
    return {
        "cpu": cpu,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "load": os.getloadavg()[0],
    }


def table(title: str, what: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as Markdown."""
    about = machine()
    lines = [
        f"{title}; {about['cpu']}, {about['threads']} threads, torch {about['torch']}.",
        "",
        f"| {what} | median, ms | lowest, ms | ratio of medians | median of ratios |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['name']} | {row['median_ms']:.1f} | {row['lowest_ms']:.1f} | "
            f"{row['ratio']:.2f} | {row['ratio_of_pairs']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def write(out: Path, results: Mapping[str, Any], text: str) -> None:
    """JSON at `out`, the table beside it and on the screen."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"machine": machine(), **results}, indent=1) + "\n", encoding="utf-8")
    out.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)
