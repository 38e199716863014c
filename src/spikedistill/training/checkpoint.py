"""The state of a training under way: saved so that it goes on bit for bit, read without pickle."""

from __future__ import annotations

import hashlib
import json
import pickle
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.training.run_folder import RunFolder

NAME = "checkpoint.pt"


@dataclass
class State:
    """Everything that the next step depends on beside the recipe.

    Random numbers are not among it: each is a function of (seed, epoch, step).
    """

    epoch: int = 0
    step: int = 0
    """Steps already taken in this epoch."""
    sums: dict[str, float] = field(default_factory=dict)
    """Sums of the epoch so far: of each loss part, of hits, of samples."""
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    precision: str = ""
    settings: str = ""
    """The settings as JSON, so that a resumed training cannot change them unseen."""
    distiller: dict[str, Tensor] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)


def shape_of(state: dict[str, Tensor]) -> str:
    """A short fingerprint of names and sizes."""
    rows = json.dumps([(name, list(value.shape)) for name, value in sorted(state.items())])
    return hashlib.sha256(rows.encode()).hexdigest()[:16]


def save(folder: RunFolder, state: State) -> Path:
    """Write the checkpoint of a run folder, atomically."""
    content = {item: getattr(state, item) for item in state.__dataclass_fields__}
    return folder.write(NAME, lambda path: torch.save(content, path))


def load(path: Path, expected: dict[str, Tensor]) -> State:
    """Read a checkpoint.

    Args:
        path: the file.
        expected: the state dict of the distiller that will go on from it.

    Raises:
        SpikedistillError: if the file is damaged, asks for more than tensors, or belongs to other
            networks.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state = State(**content)
    except (OSError, RuntimeError, EOFError, TypeError, KeyError, ValueError,
            pickle.UnpicklingError, zipfile.BadZipFile) as error:  # fmt: skip
        raise SpikedistillError(
            f"the checkpoint {path} cannot be read; it is damaged or not a checkpoint "
            f"({type(error).__name__}). Delete it to start this training afresh; finished cells "
            "of the run are kept"
        ) from error
    if shape_of(state.distiller) != shape_of(expected):
        other = sorted(set(state.distiller) ^ set(expected))
        sizes = [key for key in set(state.distiller) & set(expected)
                 if state.distiller[key].shape != expected[key].shape]  # fmt: skip
        first = (other or sorted(sizes))[0]
        raise SpikedistillError(
            f"the checkpoint {path} belongs to other networks: {len(other)} names and {len(sizes)} "
            f"sizes differ, the first is {first!r}. Resume with the recipe it was made by, or "
            "choose another folder with --out"
        )
    return state


def settings_text(settings: Any) -> str:
    """The settings as one comparable line."""
    return json.dumps(asdict(settings), sort_keys=True)


def with_defaults(text: str, settings: Any) -> str:
    """`settings_text` of an earlier version, with the defaults of settings that came since."""
    defaults = asdict(type(settings)())
    return json.dumps(defaults | json.loads(text), sort_keys=True)
