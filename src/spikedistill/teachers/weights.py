"""Weights from files that others made. Nothing is unpickled but tensors."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError

Kind = Literal["safetensors", "npz", "torch"]
_INSIDE = ("state_dict", "model_state_dict", "model", "net", "network")
"""Under which of these names training scripts keep the weights in a checkpoint."""


def load_weights(network: nn.Module, path: str | Path) -> None:
    """Load the weights of a file into a network, all of them or none.

    What wrappers put before every name (`module.`, `_orig_mod.`, `model.`) is taken off. Counters
    of batches that norms keep may be missing.

    Args:
        network: any network; on an error it is left as it was.
        path: see `read_weights`.

    Raises:
        SpikedistillError: if the file cannot be read or does not fit the network; the message
            counts what is missing, unexpected or of another shape, and names the first of each.
    """
    given = _unwrapped(read_weights(path), network)
    wanted = network.state_dict()
    missing = [k for k in wanted if k not in given and not k.endswith("num_batches_tracked")]
    unexpected = [key for key in given if key not in wanted]
    other = [k for k in given if k in wanted and given[k].shape != wanted[k].shape]
    faults = [
        f"{len(missing)} of its {len(wanted)} entries are missing ({_some(missing)})",
        f"{len(unexpected)} entries of the file are not in the network ({_some(unexpected)})",
        f"{len(other)} have another shape ("
        + _some([f"{k} is {_shape(given[k])} and should be {_shape(wanted[k])}" for k in other])
        + ")",
    ]
    counts = (missing, unexpected, other)
    faults = [fault for fault, names in zip(faults, counts, strict=True) if names]
    if faults:
        raise SpikedistillError(
            f"{path} does not fit {type(network).__name__}: {'; '.join(faults)}; is it a file of "
            "this architecture, depth and number of classes?"
        )
    network.load_state_dict(given, strict=False)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Name -> tensor, from a safetensors, npz or torch file, or from a run folder.

    What a file is, is decided by its content. A torch file is read with `weights_only=True`, and
    may keep the weights under `state_dict` or `model`.

    Raises:
        SpikedistillError: if the file is missing, damaged, of another kind, a torch pickle that
            calls itself .safetensors, or holds more than tensors.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "model.safetensors"
    if not path.exists():
        raise SpikedistillError(f"there is no weight file {path} (looked for at {path.absolute()})")
    kind = _kind(path)
    if kind == "torch" and path.suffix == ".safetensors":
        raise SpikedistillError(
            f"{path} is called .safetensors and holds a torch pickle, which may run code when "
            "it is read carelessly; if you trust where it comes from, rename it to .pt "
            "(only its tensors will be read), or save it with safetensors.torch.save_file"
        )
    readers = {"safetensors": _read_safetensors, "npz": _read_npz, "torch": _read_torch}
    return readers[kind](path)


def _kind(path: Path) -> Kind:
    """What a file is, by its first bytes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"PK\x03\x04"):
        return _kind_of_zip(path)
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "torch"
    if head.startswith(b"version https://git-lfs"):
        raise SpikedistillError(
            f"{path} is a Git LFS pointer and not the weights themselves; run 'git lfs pull' where "
            "it comes from"
        )
    header = int.from_bytes(head[:8], "little")
    if len(head) > 8 and head[8:9] == b"{" and header <= size - 8:
        return "safetensors"
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
        raise _damaged(path, error) from error
    if any(name.endswith("data.pkl") for name in names):
        return "torch"
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    raise SpikedistillError(
        f"{path} is a zip archive of {_some(names)}; weights come as safetensors, npz or torch file"
    )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise _damaged(path, error) from error


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
        raise _damaged(path, error) from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL (\S+)", str(error))
        what = f"asks for {wanted[1]}" if wanted else "cannot be read as plain tensors"
        raise SpikedistillError(
            f"{path} holds more than tensors (it {what}), and is not read for that could run code; "
            "save network.state_dict() alone, best with safetensors.torch.save_file"
        ) from error
    except Exception as error:  # torch's reader stumbles over a cut file in many ways
        raise _damaged(path, error) from error
    for name in _INSIDE:
        if isinstance(held, Mapping) and isinstance(held.get(name), Mapping):
            held = held[name]
            break
    if not isinstance(held, Mapping) or not all(isinstance(v, Tensor) for v in held.values()):
        inside = _some([str(key) for key in held]) if isinstance(held, Mapping) else ""
        raise SpikedistillError(
            f"{path} holds a {type(held).__name__} {f'of {inside} ' if inside else ''}and no state "
            f"dict; save network.state_dict(), alone or under one of {', '.join(_INSIDE)}"
        )
    return {str(name): value for name, value in held.items()}


def _unwrapped(state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Take off what wrappers put before every name and the network does not have."""
    own = {name.partition(".")[0] for name in network.state_dict()}
    bare = state
    while True:
        first = {key.partition(".")[0] for key in bare}
        if first & own:
            return bare
        if len(first) != 1 or not all("." in key for key in bare):
            return state
        bare = {key.partition(".")[2]: value for key, value in bare.items()}


def _damaged(path: Path, error: Exception) -> SpikedistillError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    size = f"{path.stat().st_size:,} bytes"
    return SpikedistillError(f"{path} ({size}) is damaged or incomplete ({reason}); fetch it again")


def _shape(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "a number"


def _some(names: list[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
