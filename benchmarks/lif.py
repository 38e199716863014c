"""How long one layer of LIF neurons takes, forward and backward, beside others and beside ReLU.

    python benchmarks/lif.py build/bench/lif.json

writes `lif.json` and, beside it, the same as a table in `lif.md`. All take turns in one process
on the same tensor (T = 4, 64 x 128 x 16 x 16) and the medians are compared, so a machine that is
busy or clocks down meanwhile hits all of them. The other libraries are installed, without what
they depend on, into a folder of their own (`build/peers`), never into the environment.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _bench import machine
from torch import Tensor

from spikedistill.functional import compiled
from spikedistill.neurons.lif import LIF

PEERS = ("spikingjelly==2.0.0", "snntorch==1.0.0", "loguru==0.7.3", "tqdm==4.67.1")
SHAPE = (4, 64, 128, 16, 16)
Layer = Callable[[Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "out", type=Path, nargs="?", default=Path("build/bench/lif.json"),
        help="where the JSON goes; the table goes beside it",
    )  # fmt: skip
    parser.add_argument("--peers", type=Path, default=Path("build/peers"))
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    layers = {**ours(), **peers(options.peers)}
    rows = [
        row
        for dtype in (torch.bfloat16, torch.float32)
        for row in turns(layers, dtype, options.rounds)
    ]
    write(
        options.out, {"machine": machine(), "shape": SHAPE, "rounds": options.rounds, "rows": rows}
    )


def ours() -> dict[str, Layer]:
    neuron = LIF()

    def eager(current: Tensor) -> Tensor:
        with compiled.compiling(False):
            return neuron.over(current)

    def fast(current: Tensor) -> Tensor:
        with compiled.compiling(True):
            return neuron.over(current)

    return {"ReLU": torch.relu, "spikedistill": fast, "spikedistill, eager": eager}


def peers(folder: Path) -> dict[str, Layer]:
    """The same neuron (v = 0.5 v + x, threshold 1, hard reset) of other libraries."""
    if not (folder / "snntorch").is_dir():
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--target",
            str(folder),
        ]
        subprocess.run([*command, *PEERS], check=True)
    sys.path.append(str(folder))
    import snntorch
    from spikingjelly.activation_based import functional, neuron, surrogate

    node = neuron.LIFNode(
        tau=2.0, decay_input=False, surrogate_function=surrogate.ATan(), step_mode="m"
    )
    leaky = snntorch.Leaky(beta=0.5, reset_mechanism="zero", reset_delay=False)

    def spikingjelly(current: Tensor) -> Tensor:
        functional.reset_net(node)
        return node(current)

    def snntorch_leaky(current: Tensor) -> Tensor:
        membrane, spikes = leaky.init_leaky(), []
        for now in current:
            spike, membrane = leaky(now, membrane)
            spikes.append(spike)
        return torch.stack(spikes)

    return {"SpikingJelly 2.0.0": spikingjelly, "snnTorch 1.0.0": snntorch_leaky}


def turns(layers: dict[str, Layer], dtype: torch.dtype, rounds: int) -> list[dict[str, Any]]:
    """One row per layer: the median over rounds in which each layer has one turn."""
    current = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0)).to(dtype)
    weights = torch.rand(SHAPE, generator=torch.Generator().manual_seed(1)).to(dtype)
    current.requires_grad_()
    reference = layers["spikedistill"](current).detach()
    times: dict[str, list[float]] = {name: [] for name in layers}
    flips = {}
    for _ in range(rounds):
        for name, layer in layers.items():
            for _ in range(2):  # the second call counts: the first finds the memory of others
                current.grad = None
                start = time.perf_counter()
                result = layer(current)
                result.backward(weights)
                taken = time.perf_counter() - start
                if name != "ReLU" and name not in flips:
                    flips[name] = (result.detach() != reference).double().mean().item()
                del result
            times[name].append(1e3 * taken)
    relu = statistics.median(times["ReLU"])
    return [
        {
            "dtype": str(dtype).removeprefix("torch."),
            "layer": name,
            "median_ms": round(statistics.median(values), 3),
            "lowest_ms": round(min(values), 3),
            "times_relu": round(statistics.median(values) / relu, 2),
            "spikes_that_differ": flips.get(name),
        }
        for name, values in times.items()
    ]


def write(out: Path, results: dict[str, Any]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=1) + "\n")
    rows = results["rows"]
    lines = [
        f"One LIF layer, T = 4, 64 x 128 x 16 x 16, forward and backward; median of "
        f"{results['rounds']} turns; {results['machine']['cpu']}, {results['machine']['threads']} "
        f"threads, torch {results['machine']['torch']}.",
        "",
        "| layer | bfloat16, ms | x ReLU | float32, ms | x ReLU |",
        "|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["layer"] for row in rows):
        half, full = (row for row in rows if row["layer"] == name)
        lines.append(
            f"| {name} | {half['median_ms']:.1f} | {half['times_relu']:.2f} "
            f"| {full['median_ms']:.1f} | {full['times_relu']:.2f} |"
        )
    table = "\n".join(lines) + "\n"
    out.with_suffix(".md").write_text(table)
    print(table)


if __name__ == "__main__":
    main()
