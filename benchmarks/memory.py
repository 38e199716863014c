"""The memory of a training step against T, and what it keeps for its backward pass.

    python benchmarks/memory.py build/bench/memory.json

ResNet-18, B = 32, 32 x 32. Every cell is a process of its own: what one training step adds to its
resident set at the highest (gradients included, weights and the compiler not; on a GPU: to what
torch has allocated there), and, from hooks of autograd in another step, the bytes that are saved
for backward, by kind; copies of the weights in bf16 are no neuron's and are left out of the bytes
per neuron and step. snnTorch, Norse and SpikingJelly in float32 at T = 2 and 8 only, to keep the
time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _bench import Row, markdown, options, short, write
from _networks import ANN, CHECKPOINT, EAGER, JELLY, JELLY_BF16, NORSE, OURS, SNNTORCH
from _peers import VERSIONS, load

NETWORK = "ResNet-18"
STEPS = {
    ANN: (1, 2, 4, 8),
    OURS: (1, 2, 4, 8),
    CHECKPOINT: (2, 8),
    JELLY_BF16: (1, 2, 4, 8),
    EAGER: (2, 8),
    JELLY: (2, 8),
    SNNTORCH: (2, 8),
    NORSE: (2, 8),
}
OF_OTHERS = (JELLY_BF16, JELLY, SNNTORCH, NORSE)


def run_cell(cell: dict[str, Any]) -> Row:
    """The result of one child process.

    Raises:
        SystemExit: if it failed; its own message stands above.
    """
    # a fixed threshold: else the allocator keeps blocks of up to 32 MiB when they are freed
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(2**20)}
    child = Path(__file__).with_name("_memory_cell.py")
    command = [sys.executable, str(child), json.dumps(cell)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(f"the process that measures {cell['variant']}, T = {cell['T']} failed (see above)")
    return json.loads(done.stdout.splitlines()[-1])


def table(rows: Sequence[Row]) -> str:
    """Peak memory: a line per variant, a column per T; then bytes kept per neuron and step."""
    at = {(row["variant"], row["T"]): row for row in rows}
    names, steps = dict.fromkeys(n for n, _ in at), sorted({t for _, t in at})
    head = ["what a step adds at its peak, MiB", *(f"T = {t}" for t in steps), "T = 8 / T = 2"]
    lines = []
    for name in names:
        cells = [short(at[name, t]["step_mib"]) if (name, t) in at else "" for t in steps]
        both = (name, 2) in at and (name, 8) in at
        growth = f"{at[name, 8]['step_mib'] / at[name, 2]['step_mib']:.2f}" if both else ""
        lines.append([name, *cells, growth])
    text = markdown(head, lines) + "\n"
    last = steps[-1]
    head = [f"kept for backward, T = {last}", "MiB", "bytes per neuron and step", "of which, MiB"]
    lines = []
    # recomputed stages keep their inputs where these hooks cannot see them
    for name in (name for name in names if (name, last) in at and name != CHECKPOINT):
        row = at[name, last]
        kinds = (
            f"{short(k['mib'])} {k['layer'] or 'outside'} ({k['values']}, {k['dtype']})"
            for k in row["saved"][:5]
        )
        per_neuron = f"{row['saved_bytes_per_neuron']:.2f}"
        lines.append([name, short(row["saved_mib"]), per_neuron, "; ".join(kinds)])
    return text + markdown(head, lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and write."""
    choice = options(__doc__, "memory", rounds=3, seconds=0.0, argv=argv)
    peers = load(choice)
    B, side, width = (4, 16, 0.125) if choice.quick else (32, 32, 1.0)
    common = {"network": NETWORK, "B": B, "side": side, "width": width, "device": choice.device}
    common["peers"] = str(choice.peers) if peers else None
    which = {name: T for name, T in STEPS.items() if peers or name not in OF_OTHERS}
    every = [(n, t) for n, T in which.items() for t in T if not choice.quick or t == 2]
    common["steps"] = choice.rounds
    rows = [{"variant": n, "T": t} | run_cell({**common, "variant": n, "T": t}) for n, t in every]
    spread = max(max(row["steps_mib"]) - min(row["steps_mib"]) for row in rows)
    text = f"**{NETWORK}, B = {B}**, each cell a process of its own, median of {choice.rounds}; "
    text += f"no cell's steps differ by more than {short(spread)} MiB\n\n" + table(rows)
    del common["peers"]
    write(choice, text, {"rows": rows, **common}, VERSIONS if peers else {})


if __name__ == "__main__":
    main()
