"""One cell of the table `memory`, in a process of its own: JSON on its last line.

python benchmarks/_memory_cell.py '{"network": ..., "variant": ..., "T": ..., ...}'
"""

from __future__ import annotations

import ctypes
import ctypes.util
import gc
import json
import resource
import statistics
import sys
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from _bench import device_type
from _networks import CHECKPOINT, Case, NorseNode, case, checkpointed, variants
from _peers import imported
from _saved import activations, saved_by_kind
from torch import nn

from spikedistill.core.clock import Temporal
from spikedistill.models.resnet import resnet18
from spikedistill.models.vgg import vgg11

NETWORKS = {"VGG-11": vgg11, "ResNet-18": resnet18}
MIB = 2**20


def status(field: str) -> int | None:
    """A field of /proc/self/status in bytes; None where there is no such file."""
    path = Path("/proc/self/status")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(field)), None)


def high_water() -> int:
    """The most memory this process has had resident, or allocated on the GPU, in bytes."""
    if device_type() == "cuda":
        return torch.cuda.max_memory_allocated()
    return status("VmHWM") or 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def held() -> int:
    """What the process holds now, in the same place."""
    if device_type() == "cuda":
        return torch.cuda.memory_allocated()
    return status("VmRSS") or high_water()


def forget_high_water() -> bool:
    """Let the high-water mark begin again at what is resident now; False where that is refused."""
    gc.collect()
    if device_type() == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return True
    libc = ctypes.util.find_library("c")
    if libc and hasattr(ctypes.CDLL(libc), "malloc_trim"):
        ctypes.CDLL(libc).malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:
        return False
    return True


def spiking_layers(peers: Any) -> tuple[type[nn.Module], ...]:
    """The classes whose outputs are counted as neurons (for an ANN: its activations)."""
    theirs = () if peers is None else (peers.spikingjelly.neuron.LIFNode, peers.snntorch.Leaky)
    return (nn.ReLU, Temporal, NorseNode, *theirs)


def main() -> None:
    """Measure one cell."""
    cell = json.loads(sys.argv[1])
    torch.set_default_device(cell["device"] if cell["device"] == "cuda" else None)
    peers = None if cell["peers"] is None else imported(Path(cell["peers"]))
    variant = (variants(peers) | {CHECKPOINT: checkpointed()})[cell["variant"]]
    blueprint = partial(NETWORKS[cell["network"]], width=cell["width"])

    def made(B: int) -> Case:
        return case(variant, blueprint, cell["T"], B, cell["side"])

    made(2).train()  # what is compiled or loaded at the first step is not the step's memory
    ready = made(cell["B"])
    steps, peaks = [], []
    for _ in range(cell["steps"]):
        ready.module.zero_grad(set_to_none=True)
        exact = forget_high_water()
        before = held()
        ready.train()
        peaks.append(high_water() / MIB)
        steps.append(peaks[-1] - before / MIB)
    neurons = activations(ready.module, spiking_layers(peers), ready.train)
    plain = replace(ready, variant=replace(variant, keeping=nullcontext))
    kinds = saved_by_kind(ready.module, plain.train, again=variant.keeping is not nullcontext)
    of_neurons = sum(size for kind, size in kinds.items() if kind.values != "weights")
    result = {
        "step_mib": statistics.median(steps),
        "steps_mib": steps,
        "process_mib": max(peaks),
        "compile_left_out": exact,
        "saved_mib": sum(kinds.values()) / MIB,
        "saved_bytes_per_neuron": of_neurons / neurons,
        "saved": [{**kind._asdict(), "mib": n / MIB} for kind, n in kinds.most_common()],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
