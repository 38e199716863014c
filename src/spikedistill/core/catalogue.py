"""A catalogue is a package in which the file name is the registry: one publication, one file."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

from spikedistill.core.errors import SpikedistillError, suggest


def names(package: ModuleType) -> tuple[str, ...]:
    """The entries of a catalogue, sorted: its public file names."""
    found = pkgutil.iter_modules(package.__path__)
    return tuple(sorted(module.name for module in found if not module.name.startswith("_")))


def find(package: ModuleType, name: str) -> type:
    """The one public class that the file `name` of a catalogue defines.

    Raises:
        SpikedistillError: if there is no such file; the message names the closest one.
    """
    if name not in names(package):
        kind = package.__name__.rsplit(".", 1)[-1]
        raise SpikedistillError(
            f"there is no {name!r} among the {kind}; {suggest(name, names(package))}"
        )
    module = importlib.import_module(f"{package.__name__}.{name}")
    own = [
        value
        for key, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and key[0] != "_"
    ]
    if len(own) != 1:
        raise TypeError(f"{module.__name__} must define one public class, not {len(own)}")
    return own[0]
