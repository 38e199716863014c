"""A catalogue is a package in which the file name is the registry: one idea, one file.

Methods, neurons, layers, models, data sets, metrics, conversions, tasks and studies are all found
this way, and so is a file of a user's own, as `file:Name` (`core.calls`). A bare name never leads
outside of the library, so nobody's `sastc.py` stands before ours.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from spikedistill.core.calls import resolve
from spikedistill.core.errors import SpikedistillError, suggest


class Catalogue:
    """The things of one kind: one public file each, files that begin with `_` are shared parts.

    Args:
        package: the name of the package that holds the files.
        noun: what a message calls one of them, as "method".
        is_member: whether a public value that a file defines is one of them.
        description: what one of a user's own must be, as "a class that derives from Loss".
        accepts: whether a value is one of them where a user's own file names it; default
            `is_member`.
        several: whether a file may define several, which then go by their own names; else it
            defines one, which goes by the name of the file.
        dashes: whether a name has dashes where its file has underscores.

    Example:
        >>> from spikedistill.methods import METHODS
        >>> METHODS.find("sastc").__name__
        'SASTC'
    """

    def __init__(
        self,
        package: str,
        noun: str,
        is_member: Callable[[Any], bool],
        description: str,
        *,
        accepts: Callable[[Any], bool] | None = None,
        several: bool = False,
        dashes: bool = False,
    ) -> None:
        self.package, self.noun, self.description = package, noun, description
        self.is_member, self.accepts = is_member, accepts or is_member
        self.several, self.dashes = several, dashes

    def names(self) -> tuple[str, ...]:
        """The names of all that the library has, sorted."""
        return tuple(sorted(self._places()))

    def find(self, name: str) -> Any:
        """One of the library by its name, or of a user's own file as `file:Name`.

        Raises:
            SpikedistillError: if there is none (the message names the closest one), or what a
                file names is none of this kind.
        """
        if ":" in name:
            found = resolve(name, callable_only=False)
            if not self.accepts(found):
                raise SpikedistillError(
                    f"{name!r} is no {self.noun}: a {self.noun} is {self.description}"
                )
            return found
        module = self.module(name)
        own = self._own(module)
        if self.several:
            return own[name]
        if len(own) != 1:
            raise TypeError(f"{module.__name__} must define one {self.noun}, not {len(own)}")
        return next(iter(own.values()))

    def module(self, name: str) -> ModuleType:
        """The file that defines what `find` returns.

        Raises:
            SpikedistillError: if there is none.
        """
        if ":" in name:
            resolve(name, callable_only=False)
            return sys.modules[name.partition(":")[0]]
        places = self._places()
        if name not in places:
            raise SpikedistillError(f"there is no {self.noun} {name!r}; {suggest(name, places)}")
        return importlib.import_module(f"{self.package}.{places[name]}")

    def _places(self) -> dict[str, str]:
        """Name -> the file that defines it."""
        package = importlib.import_module(self.package)
        files = [file.name for file in pkgutil.iter_modules(package.__path__)]
        public = [file for file in files if not file.startswith("_")]
        if not self.several:
            return {file.replace("_", "-") if self.dashes else file: file for file in public}
        return {
            name: file
            for file in public
            for name in self._own(importlib.import_module(f"{self.package}.{file}"))
        }

    def _own(self, module: ModuleType) -> dict[str, Any]:
        """The public values that a file defines and that are of this kind."""
        return {
            name: value
            for name, value in vars(module).items()
            if not name.startswith("_")
            and self.is_member(value)
            and (not hasattr(value, "__name__") or value.__module__ == module.__name__)
        }
