"""The other libraries: their installation apart from ours, and their LIF neuron.

All of them compute our neuron: `v = 0.5 v + x`, a spike at the threshold 1, hard reset to 0, with
gradient through the reset. The surrogate is the arctangent with slope 1 at the threshold where the
library has it; Norse has not, and runs with its own default (SuperSpike).
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

VERSIONS = {"SpikingJelly": "2.0.0", "snnTorch": "1.0.0", "Norse": "1.1.0"}
REQUIREMENTS = (
    *(f"{name.lower()}=={number}" for name, number in VERSIONS.items()),
    # what they import of their own dependencies and our environment has not
    "loguru==0.7.3",
    "tqdm==4.67.1",
    "nir==1.0.8",
    "nirtorch==2.6",
    "h5py==3.16.0",
)
Layer = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Peers:
    """The other libraries, imported."""

    spikingjelly: Any
    """`spikingjelly.activation_based`"""
    snntorch: Any
    norse: Any
    """`norse.torch`"""


def load(choice: argparse.Namespace) -> Peers | None:
    """The other libraries as the command line wants them; None for `--no-peers`."""
    return None if choice.no_peers else imported(choice.peers)


def imported(folder: Path) -> Peers:
    """The libraries, installed under `folder` first where they are not yet."""
    # last on the path: torch, numpy and all else that both know stays ours
    sys.path.append(str(_installed(folder)))
    import norse.torch
    import snntorch
    import spikingjelly.activation_based
    import spikingjelly.activation_based.functional
    import spikingjelly.activation_based.layer
    import spikingjelly.activation_based.neuron
    import spikingjelly.activation_based.surrogate

    return Peers(spikingjelly.activation_based, snntorch, norse.torch)


def _installed(folder: Path) -> Path:
    """A folder with exactly `REQUIREMENTS`, named after them.

    Without their dependencies: those name torchvision and torchaudio, whose wheels would bring
    another torch and its CUDA packages. What these libraries really import, `REQUIREMENTS` says.
    """
    key = hashlib.sha256(" ".join((*REQUIREMENTS, sys.version)).encode()).hexdigest()[:8]
    place = (folder / key).resolve()
    if place.is_dir():
        return place
    folder.mkdir(parents=True, exist_ok=True)
    draft = tempfile.mkdtemp(prefix="part-", dir=folder)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--no-deps", "--target", draft, *REQUIREMENTS], check=False
    ).returncode
    if done:
        sys.exit(
            f"the other libraries could not be installed into {folder} (pip ended with {done}, see "
            "above); `--no-peers` measures without them"
        )
    Path(draft).rename(place)
    return place


def spikingjelly_node(peers: Peers, step_mode: str = "m") -> nn.Module:
    """SpikingJelly's LIF over all steps (`step_mode="m"`): `[T, B, ...]` to `[T, B, ...]`."""
    return peers.spikingjelly.neuron.LIFNode(
        tau=2.0,
        decay_input=False,
        surrogate_function=peers.spikingjelly.surrogate.ATan(),
        step_mode=step_mode,
    )


def snntorch_node(peers: Peers) -> nn.Module:
    """LIF of snnTorch for one step; `init_hidden` lets it keep its potential between calls."""
    return peers.snntorch.Leaky(
        beta=0.5,
        spike_grad=peers.snntorch.surrogate.atan(),
        reset_mechanism="zero",
        reset_delay=False,
        init_hidden=True,
    )


def norse_cell(peers: Peers) -> nn.Module:
    """Norse's LIF without a current of its own, for one step: `(x, state) -> (spikes, state)`.

    Its equation is `v = v + dt / tau (x - v)`, here `0.5 v + 0.5 x`: half of our potential, so at
    half of our threshold it spikes when ours does.
    """
    half = torch.as_tensor(0.5)
    parameters = peers.norse.LIFBoxParameters(tau_mem_inv=torch.as_tensor(500.0), v_th=half)
    return peers.norse.LIFBoxCell(parameters, dt=0.001)


def layers(peers: Peers) -> dict[str, Layer]:
    """One layer of each, `[T, B, ...]` to spikes `[T, B, ...]`, each the way it documents."""
    node, leaky = spikingjelly_node(peers), snntorch_node(peers)
    lifted = peers.norse.Lift(norse_cell(peers))

    def spikingjelly(current: Tensor) -> Tensor:
        peers.spikingjelly.functional.reset_net(node)
        return node(current)

    def snntorch(current: Tensor) -> Tensor:
        leaky.reset_mem()
        return torch.stack([leaky(now) for now in current])

    def norse(current: Tensor) -> Tensor:
        return lifted(current)[0]

    return {"SpikingJelly": spikingjelly, "snnTorch": snntorch, "Norse": norse}
