"""What a look at a trained network found, on disk: facts as JSON, arrays as npz.

The JSON file is written last and names the hash of its arrays, so that a pair is whole or counts
as absent. Arrays are read without unpickling.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spikedistill.core.atomic import put

VERSION = 2
"""Of the format; a look of another version is taken again."""


@dataclass(frozen=True)
class Examined:
    """One network."""

    facts: dict[str, Any]
    """What JSON can hold."""
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    """Names to numbers; no objects."""

    def write(self, folder: Path, name: str) -> Path:
        """Write `NAME.npz`, then `NAME.json`, into a folder, which is made."""

        def save(path: Path) -> None:
            with path.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **self.arrays)

        arrays = put(folder / f"{name}.npz", save)
        facts = {"version": VERSION, "arrays": _hash(arrays), **self.facts}
        text = json.dumps(facts, indent=1) + "\n"
        return put(folder / f"{name}.json", lambda path: path.write_text(text, encoding="utf-8"))


def read_examined(folder: Path, name: str, wanted: Mapping[str, Any]) -> Examined | None:
    """What was written, if it is whole and its facts include `wanted`; else None."""
    try:
        facts = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        if any(facts.get(key) != value for key, value in {"version": VERSION, **wanted}.items()):
            return None
        if facts["arrays"] != _hash(folder / f"{name}.npz"):
            return None
        with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
            return Examined(facts, {key: arrays[key] for key in arrays.files})
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
