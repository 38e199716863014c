"""A torch file, read without running anything that it asks for.

Checkpoints hold more than tensors: options, scalars of numpy, dates, objects of the code that wrote
them. Torch's restricted reader makes nothing but tensors and refuses the rest by name. Each name
that it refuses gets a stand-in here that takes any arguments and any state and keeps none, so that
the tensors beside such objects can be read. No code of the file's or of the user's is imported or
called. A file that asks to call something by its name (`getattr`, `eval`, `os.system`) is refused
as a whole.
"""

from __future__ import annotations

import pickle
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

from spikedistill.core.errors import SpikedistillError

_MOST_ROUNDS = 500
_COMMANDS = ("builtins", "commands", "importlib", "nt", "os", "posix", "runpy", "subprocess",
             "sys")  # fmt: skip
"""Whose functions no checkpoint has a use for; `commands` is how pickle spells `subprocess`."""
_DATA = ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "object", "range", "slice",
         "str", "tuple", "type")  # fmt: skip
"""What of `builtins` describes values; the rest of it acts."""


class Nothing:
    """Stands for an object that is not rebuilt."""

    __slots__ = ()

    def __new__(cls, *_args: Any) -> Any:
        """Whatever it is made from is forgotten."""
        return super().__new__(cls)

    def __init__(self, *_args: Any) -> None:
        pass

    def __setstate__(self, _state: Any) -> None:
        pass

    @classmethod
    def says(cls) -> str:
        """The class that it stands for."""
        return cls.__qualname__


class _NothingMapping(Nothing):
    """The same for a class that the file fills as a mapping: its entries may be weights."""

    def __new__(cls, *_args: Any) -> Any:
        return OrderedDict()


class _NothingList(Nothing):
    """The same for a class that the file fills as a list."""

    def __new__(cls, *_args: Any) -> Any:
        return []


def read_torch(path: Path) -> Any:
    """What a torch file holds; `Nothing` in the place of every object that is no plain data.

    Raises:
        SpikedistillError: if the file is damaged, asks to call something by its name, or cannot be
            read as plain data; the message says how to save its weights again.
    """
    stand_ins: dict[str, type[Nothing]] = {}
    for name in _asked_for(path):
        _stand_in(stand_ins, name, Nothing, path)
    for _ in range(_MOST_ROUNDS):
        try:
            allowed: list[Any] = [(made, name) for name, made in stand_ins.items()]
            with torch.serialization.safe_globals(allowed):
                return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            _answer(stand_ins, str(error), path)
        except Exception as error:  # torch's reader stumbles over a cut file in many ways
            if stand_ins:
                raise _refused(path, f"cannot be read as plain tensors: {_first(error)}") from error
            raise damaged(path, error) from error
    raise _refused(path, "asks for too many classes")


def _asked_for(path: Path) -> list[str]:
    """The names that torch would refuse, where they can be known beforehand; nothing is run."""
    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # an older form, or damaged: reading it will tell
        return []


def _answer(stand_ins: dict[str, type[Nothing]], refusal: str, path: Path) -> None:
    """Add or change the stand-in that a refusal of torch's asks for, or refuse the file."""
    wanted = re.search(r"GLOBAL (\S+) was not an allowed", refusal)
    filled = re.search(r"Can only (\w+) .* but got <class 'stand-in\.(.+?)'>", refusal)
    if wanted is not None:
        name = wanted[1] if "." in wanted[1] else f"builtins.{wanted[1]}"
        if name not in stand_ins:
            return _stand_in(stand_ins, name, Nothing, path)
    elif filled is not None and not issubclass(
        stand_ins.get(filled[2], _NothingList), _NothingMapping | _NothingList
    ):
        kind = _NothingMapping if filled[1].startswith("SETITEM") else _NothingList
        return _stand_in(stand_ins, filled[2], kind, path)
    named = re.search(r"GLOBAL (\S+)", refusal)
    raise _refused(path, f"asks for {named[1]}" if named else "cannot be read as plain tensors")


def _stand_in(
    stand_ins: dict[str, type[Nothing]], name: str, kind: type[Nothing], path: Path
) -> None:
    module, _, own = name.rpartition(".")
    if module.split(".")[0] in _COMMANDS and not (module == "builtins" and own in _DATA):
        raise _refused(path, f"asks for {own if module == 'builtins' else name}")
    stand_ins[name] = type(
        own, (kind,), {"__slots__": (), "__module__": "stand-in", "__qualname__": name}
    )


def _refused(path: Path, what: str) -> SpikedistillError:
    return SpikedistillError(
        f"{path} holds more than tensors (it {what}), and is not read for that could run code; "
        "save network.state_dict() alone, best with safetensors.torch.save_file. Of a file that "
        f"you trust, torch.save(torch.load({path.name!r}, weights_only=False)['state_dict'], "
        "'weights.pt') keeps the weights under 'state_dict' alone"
    )


def whole_network(path: Path, name: str, key: str) -> SpikedistillError:
    """The refusal of a file that holds an object where its weights should be."""
    at = f"[{key!r}]" if key else ""
    return SpikedistillError(
        f"{path} holds an object and not its weights (it asks for {name}), and is not read for "
        "that could run code; save network.state_dict() alone, best with "
        "safetensors.torch.save_file. Of a file that you trust, beside the code that wrote it: "
        f"torch.save(torch.load({path.name!r}, weights_only=False){at}.state_dict(), 'weights.pt')"
    )


def damaged(path: Path, error: Exception) -> SpikedistillError:
    """The refusal of a file of which a part is missing or wrong."""
    size = f"{path.stat().st_size:,} bytes"
    return SpikedistillError(
        f"{path} ({size}) is damaged or incomplete ({_first(error)}); fetch it again"
    )


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
