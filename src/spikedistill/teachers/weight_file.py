"""The file of somebody's weights: what kind it is, and the sets of weights that it holds."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from spikedistill.core.errors import SpikedistillError
from spikedistill.teachers.states import CUSTOMARY, State, find_states
from spikedistill.teachers.torch_file import Nothing, damaged, read_torch, whole_network

Kind = Literal["safetensors", "npz", "torch"]


def open_states(path: Path) -> list[State]:
    """The sets of weights in a file, at least one, the most customary place first.

    Raises:
        SpikedistillError: see `read_weights`.
    """
    kind = _kind(path)
    if kind == "torch" and path.suffix == ".safetensors":
        raise SpikedistillError(
            f"{path} is called .safetensors and holds a torch pickle, which may run code when "
            "it is read carelessly; if you trust where it comes from, rename it to .pt "
            "(only its tensors will be read), or save it with safetensors.torch.save_file"
        )
    if kind != "torch":
        return [State("", _read_safetensors(path) if kind == "safetensors" else _read_npz(path))]
    held = read_torch(path)
    return find_states(held) or _no_states(path, held)


def _no_states(path: Path, held: Any) -> list[State]:
    """Say what a file holds in the place of weights."""
    inside = held if isinstance(held, Mapping) else {}
    objects = {str(key): one for key, one in {"": held, **inside}.items() if _is_object(one)}
    if objects:
        key = min(objects, key=lambda name: CUSTOMARY.index(name) if name in CUSTOMARY else 99)
        raise whole_network(path, objects[key].says(), key)
    listed = some([str(key) for key in inside])
    raise SpikedistillError(
        f"{path} holds a {type(held).__name__} {f'of {listed} ' if listed else ''}and no state "
        f"dict; save network.state_dict(), alone or under one of {', '.join(CUSTOMARY)}"
    )


def _is_object(value: Any) -> bool:
    return isinstance(value, Nothing)


def _kind(path: Path) -> Kind:
    """What a file is, by its first bytes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"PK\x03\x04"):
        return _kind_of_zip(path)
    header = int.from_bytes(head[:8], "little")
    if len(head) > 8 and head[8:9] == b"{" and header <= size - 8:
        return "safetensors"  # first: the length of a header may look like the mark of a pickle
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "torch"
    if head.startswith(b"version https://git-lfs"):
        raise SpikedistillError(
            f"{path} is a Git LFS pointer and not the weights themselves; run 'git lfs pull' where "
            "it comes from"
        )
    if path.suffix == ".safetensors":
        raise SpikedistillError(
            f"{path} is damaged: its header claims {header:,} bytes and the file has {size:,}; "
            "fetch it again"
        )
    raise SpikedistillError(
        f"{path} ({size:,} bytes) is neither a safetensors, npz nor torch file; save the weights "
        "with safetensors.torch.save_file(network.state_dict(), FILE)"
    )


def _kind_of_zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise damaged(path, error) from error
    if any(name.endswith("constants.pkl") for name in names):
        raise SpikedistillError(
            f"{path} is a TorchScript program and no state dict; save the weights alone: "
            f"torch.save(torch.jit.load({path.name!r}).state_dict(), 'weights.pt'), where you "
            "trust it"
        )
    if any(name.endswith("data.pkl") for name in names):
        return "torch"
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    raise SpikedistillError(
        f"{path} is a zip archive of {some(names)}; weights come as safetensors, npz or torch file"
    )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise damaged(path, error) from error


def _read_npz(path: Path) -> dict[str, Tensor]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except (TypeError, ValueError) as error:
        raise SpikedistillError(
            f"{path} holds something other than arrays of numbers ({error}); save it with "
            "numpy.savez and nothing but the arrays of the state dict"
        ) from error
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise damaged(path, error) from error


def some(names: list[str], most: int = 3) -> str:
    """The first of some names."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
