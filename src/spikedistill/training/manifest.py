"""What a run was made with: versions, machine, seed, and hashes of what went in."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import nn

PACKAGES = ("spikedistill", "torch", "numpy", "accelerate", "safetensors", "pydantic")


def manifest(
    seed: int,
    data: Mapping[str, str] | None = None,
    teacher: str | None = None,
    notes: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Everything that a number depends on beside the recipe.

    Args:
        seed: the run's seed.
        data: hashes of the data files, by name.
        teacher: hash of a teacher's weights (`state_hash`).
        notes: warnings that belong beside a published figure.
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "seed": seed,
        "versions": {"python": platform.python_version()} | _versions(),
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "threads": torch.get_num_threads(),
            "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
        "git": _commit(),
        "data": dict(data or {}),
        "teacher": teacher,
        "notes": list(notes),
    }


def state_hash(network: nn.Module) -> str:
    """SHA-256 over names and values of a network's state: what names a frozen teacher."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        flat = value.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(flat.numpy().tobytes())
    return digest.hexdigest()


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} x {len(names)}" if names else platform.processor()


def _commit() -> str | None:
    """The commit of the user's working directory, with `+` where it has changes."""
    try:
        run = ["git", "describe", "--always", "--dirty=+", "--abbrev=40"]
        done = subprocess.run(run, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
