"""One layer of LIF neurons, forward and forward + backward, beside other libraries and ReLU.

    python benchmarks/layer.py build/bench/layer.json

`[T, B, C, H, W]` of two sizes, T in 1, 2, 4, 8, float32 and bfloat16. All take turns in one
process on the same tensor. The time is compared with the fewest bytes that such a layer can move
(forward: read the current, write the spikes; backward: read the current and the gradient, write a
gradient) at the speed of a copy, measured in the same turns twice: into a buffer that exists, and
into fresh memory (`clone`), because an operation of autograd always writes fresh memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from _bench import Row, Step, device_type, markdown, options, run_turns, short, summary, write
from _peers import VERSIONS, Layer, layers, load
from torch import Tensor

from spikedistill.functional.compiled import compiling
from spikedistill.neurons.lif import LIF

SIZES = ((64, 128, 16, 16), (64, 64, 32, 32))
STEPS = (1, 2, 4, 8)
DTYPES = (torch.float32, torch.bfloat16)
MOVES = {"forward": 2, "forward + backward": 5}
"""Tensors of the layer's size that have to pass through memory."""
COPIES = {"copy into a buffer": "buffer", "copy into fresh memory": "fresh"}
OURS = "spikedistill"
SECONDS = 7.0  # a cell; there are 32


def ours() -> dict[str, Layer]:
    """ReLU, and our neuron compiled and eager; the surrogate is that of the others."""
    neuron = LIF(surrogate="atan")

    def eager(current: Tensor) -> Tensor:
        with compiling(False):
            return neuron.over(current)

    def fast(current: Tensor) -> Tensor:
        with compiling(True):
            return neuron.over(current)

    return {"ReLU": torch.relu, OURS: fast, f"{OURS}, eager": eager}


def cell_steps(which: Mapping[str, Layer], current: Tensor, passes: str) -> dict[str, Step]:
    """What takes turns in one cell: the layers and the two copies."""
    weights, buffer = torch.rand_like(current), torch.empty_like(current)

    def forward(layer: Layer) -> Step:
        def run() -> None:
            with torch.no_grad():
                layer(current)

        return run

    def both(layer: Layer) -> Step:
        leaf = current.detach().requires_grad_()

        def run() -> None:
            # the switch of the compiler covers the backward pass too
            with compiling("eager" not in name_of[layer]):
                torch.autograd.grad(layer(leaf), leaf, weights)

        return run

    name_of = {layer: name for name, layer in which.items()}
    made = forward if passes == "forward" else both
    copies: dict[str, Step] = dict(
        zip(COPIES, (lambda: buffer.copy_(current), lambda: current.clone()), strict=True)
    )
    return {name: made(layer) for name, layer in which.items()} | copies


def shares(rows: Sequence[Row], tensors: int) -> None:
    """Add to each row what share of the two copies' speed it reaches, at the fewest bytes."""
    took = {row["name"]: row["median_ms"] for row in rows}
    for row in rows:
        for copy, key in COPIES.items():
            row[f"share_of_{key}"] = round(tensors / 2 * took[copy] / row["median_ms"], 3)


def differing(which: Mapping[str, Layer], current: Tensor) -> dict[str, float]:
    """The share of spikes in which each layer differs from ours in eager mode."""
    with torch.no_grad():
        expected = which[f"{OURS}, eager"](current)
        return {
            name: (layer(current) != expected).double().mean().item()
            for name, layer in which.items()
            if name != "ReLU"
        }


def seeded(seed: int) -> torch.Generator:
    """A generator for tensors of the device."""
    return torch.Generator(device_type()).manual_seed(seed)


def table(rows: Sequence[Row], steps: Sequence[int]) -> str:
    """The rows of one size, precision and direction: a line per layer, a column per T."""
    at = {(row["name"], row["T"]): row for row in rows}
    names = dict.fromkeys(row["name"] for row in rows)
    lines = [[name, *(short(at[name, T]["median_ms"]) for T in steps)] for name in names]
    lines.append(
        [f"{OURS}: x ReLU", *(f"{at[OURS, T]['ratio']:.2f}" for T in steps)],
    )
    for copy, key in COPIES.items():
        of_copy = (f"{100 * at[OURS, T][f'share_of_{key}']:.0f} %" for T in steps)
        lines.append([f"{OURS}: share of {copy}", *of_copy])
    return markdown(["median, ms", *(f"T = {T}" for T in steps)], lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and write."""
    choice = options(__doc__, "layer", rounds=15, seconds=SECONDS, argv=argv)
    peers = load(choice)
    which = ours() | (layers(peers) if peers else {})
    sizes, steps = (((4, 8, 8, 8),), (1, 2)) if choice.quick else (SIZES, STEPS)
    rows: list[Row] = []
    text = ""
    for size in sizes:
        for dtype in DTYPES:
            name = str(dtype).removeprefix("torch.")
            for passes, tensors in MOVES.items():
                part: list[Row] = []
                for T in steps:
                    current = torch.randn(T, *size, generator=seeded(T))
                    current = current.to(dtype)
                    turns = run_turns(cell_steps(which, current, passes), choice.limit, before=1)
                    facts = {"size": size, "dtype": name, "passes": passes, "T": T}
                    found = summary(turns, "ReLU", **facts)
                    shares(found, tensors)
                    part += found
                neurons = f"{' x '.join(map(str, size))} = {math.prod(size) / 1e6:.1f} M neurons"
                text += f"\n**{passes}, {name}**, B x C x H x W = {neurons}\n\n"
                text += table(part, steps)
                rows += part
    flips = differing(which, current)
    text += "\nShare of spikes that differ from ours, bf16: "
    text += ", ".join(f"{name} {share:.1e}" for name, share in flips.items()) + ".\n"
    results = {"rows": rows, "spikes_that_differ": flips}
    write(choice, text, results, VERSIONS if peers else {})


if __name__ == "__main__":
    main()
