"""Cold start: how long the import takes, and the first training step with and without a cache.

    python benchmarks/start.py build/bench/start.json

Every turn is a new process. Imports take turns: the interpreter alone, `import torch`, `import
spikedistill` (which imports what is used when it is used), and all public names of spikedistill.
The first step of ResNet-18 (T = 2, B = 64, bf16): with an empty compile cache, with the cache that
this one left, and with the compiler off; the caches lie in a temporary folder.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from _bench import (
    Row,
    Step,
    markdown,
    options,
    run_turns,
    short,
    summary,
    times_table,
    write,
)

ALL_NAMES = "import spikedistill; [getattr(spikedistill, name) for name in spikedistill.__all__]"
IMPORTS = {
    "python alone": "pass",
    "import torch": "import torch",
    "import spikedistill": "import spikedistill",
    "spikedistill, all public names": ALL_NAMES,
}
LIMIT_S = 0.5
"""How much longer than torch our import may take."""
CACHES = ("TORCHINDUCTOR_CACHE_DIR", "XDG_CACHE_HOME")
COLD, WARM, OFF = "empty cache", "warm cache", "compiler off"


def importing(code: str) -> Step:
    """A new interpreter that runs `code`."""
    return lambda: subprocess.run([sys.executable, "-c", code], check=True)


def first_steps(sizes: Sequence[object], rounds: int) -> list[Row]:
    """The first and second step in new processes, under each state of the cache."""
    runs: dict[str, list[dict[str, float]]] = {COLD: [], WARM: [], OFF: []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="spikedistill-bench-") as folder:
            fresh = os.environ | {name: str(Path(folder) / name) for name in CACHES}
            for name in (COLD, WARM):
                runs[name].append(_child(sizes, fresh))
            runs[OFF].append(_child(sizes, fresh | {"SPIKEDISTILL_COMPILE": "0"}))
    rows: list[Row] = []
    for name, found in runs.items():
        row: Row = {"name": name, "rounds": len(found)}
        for key in found[0]:
            values = [times[key] for times in found]
            row[key] = round(statistics.median(values), 1)
            row[key.replace("_ms", "_lowest_ms")] = round(min(values), 1)
        rows.append(row)
    return rows


def _child(sizes: Sequence[object], environment: dict[str, str]) -> dict[str, float]:
    child = Path(__file__).with_name("_first_step.py")
    command = [sys.executable, str(child), *map(str, sizes)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit("the process that takes the first step failed (see above)")
    return json.loads(done.stdout.splitlines()[-1])


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and write."""
    choice = options(__doc__, "start", rounds=7, seconds=60.0, argv=argv)
    steps = {name: importing(code) for name, code in IMPORTS.items()}
    rows = summary(run_turns(steps, choice.limit), "import torch")
    took = {row["name"]: row["median_ms"] for row in rows}
    over = {name: (took[name] - took["import torch"]) / 1e3 for name in list(IMPORTS)[2:]}
    text = "**Imports**\n\n" + times_table("new process", rows, "torch") + "\n"
    text += "".join(
        f"- {name}: torch {seconds:+.2f} s (limit: torch + {LIMIT_S} s)\n"
        for name, seconds in over.items()
    )
    # a cold compilation takes long and varies little
    sizes, rounds = ((4, 16, 0.125), 1) if choice.quick else ((64, 32, 1.0), min(3, choice.rounds))
    firsts = first_steps(sizes, rounds)
    shown = ("first_ms", "first_lowest_ms", "second_ms", "before_ms")
    lines = [
        [row["name"], *(short(row[key] / 1e3) for key in shown), str(row["rounds"])]
        for row in firsts
    ]
    head = ["first training step, s", "median", "lowest", "second step", "imports", "rounds"]
    text += "\n**ResNet-18, T = 2**\n\n" + markdown(head, lines)
    results = {"rows": rows, "seconds_over_torch": over, "first_steps": firsts}
    write(choice, text, results, {})


if __name__ == "__main__":
    main()
