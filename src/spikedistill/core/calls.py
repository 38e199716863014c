"""What a recipe means by `file:Name`: something of a user's own, or of an installed package."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from spikedistill.core.errors import SpikedistillError, suggest


def resolve(call: str, callable_only: bool = True) -> Any:
    """The function or class that `package.module:factory` names.

    Modules are looked for among the installed packages, beside the recipe (`look_in`) and in the
    current directory, so that a user's own `mynet.py` is found.

    Raises:
        SpikedistillError: if the text has another form, the module or the name does not exist, or
            it is a part of Python (`os:system` in a recipe that somebody handed over).

    Example:
        >>> resolve("torch.nn:Linear")
        <class 'torch.nn.modules.linear.Linear'>
    """
    module_name, colon, name = call.partition(":")
    if not (module_name and colon and name):
        raise SpikedistillError(
            f"{call!r} is not of the form package.module:factory, as in 'mynet:resnet20'"
        )
    module = _module(module_name, call)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            public = [key for key in vars(found) if not key.startswith("_")]
            raise SpikedistillError(
                f"{call!r} cannot be found: {module_name} ({_where(module)}) has no {part!r}; "
                f"{suggest(part, public)}"
            )
        found = getattr(found, part)
    if callable_only and not callable(found):
        raise SpikedistillError(
            f"{call!r} names a {type(found).__name__}; it must name a function or class to call"
        )
    home = _home(found)
    if home.partition(".")[0] in sys.stdlib_module_names:
        raise SpikedistillError(
            f"{call!r} is a part of Python itself ({home}), which makes neither networks nor data "
            "nor losses; name something of your own, or of a package"
        )
    return found


def _home(found: Any) -> str:
    """Where a function or class was written; empty for other things that can be called."""
    written = inspect.isroutine(found) or inspect.isclass(found)
    return str(getattr(found, "__module__", None) or "") if written else ""


def make(call: str, options: Mapping[str, Any]) -> Any:
    """What the factory returns for these options.

    Raises:
        SpikedistillError: if the factory does not exist, does not take these options, needs
            others, fails, or is a network already.
    """
    factory = resolve(call)
    if isinstance(factory, nn.Module):
        raise SpikedistillError(
            f"{call!r} names a network ({type(factory).__name__}), and what makes one is needed, "
            "so that its first weights follow the seed; name a function that returns it"
        )
    _check_options(call, factory, options)
    try:
        return factory(**options)
    except SpikedistillError:
        raise
    except Exception as error:
        raise SpikedistillError(f"{call!r} failed: {type(error).__name__}: {error}") from error


def look_in(folder: Path | str) -> None:
    """Look for a user's own files in a folder too, as beside a recipe; it stays for the process."""
    place = str(Path(folder).expanduser().resolve())
    if place not in _PLACES:
        _PLACES.append(place)


def own_places() -> list[Path]:
    """Where a user's own files may lie: beside the recipe, and in the working folder."""
    return [Path(place) for place in dict.fromkeys([*_PLACES, str(Path.cwd())])]


_PLACES: list[str] = []
"""Folders that hold users' own files, beside the one in which the command was started."""


def _module(name: str, call: str) -> Any:
    places = list(map(str, own_places()))
    sys.path += [place for place in places if place not in sys.path]
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name == missing or name.startswith(f"{missing}."):
            raise SpikedistillError(_nowhere(missing, call, places)) from error
        raise SpikedistillError(
            f"{call!r} cannot be imported: it needs the package {missing!r}, which is not installed"
        ) from error
    except Exception as error:
        raise SpikedistillError(
            f"{call!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    _refuse_another(name, call, places)
    return module


def _nowhere(missing: str, call: str, places: Sequence[str]) -> str:
    if call.partition(":")[0].endswith(".py"):
        stem = Path(call.partition(":")[0]).stem
        return (
            f"{call!r} names a file, and a module is meant; write it without .py, as "
            f"{stem}:{call.partition(':')[2]}, and keep {stem}.py beside the recipe"
        )
    beside = [path.stem for place in places for path in Path(place).glob("*.py")]
    hint = f"{suggest(missing, beside)}; " if beside else ""
    return (
        f"{call!r} cannot be found: there is no module {missing!r} in {' or '.join(places)} or "
        f"among the installed packages; {hint}put {missing}.py beside the recipe, start the "
        f"command in the folder that holds it, or name that folder in PYTHONPATH"
    )


def _refuse_another(name: str, call: str, places: Sequence[str]) -> None:
    """Refuse a file of the user's that is not the one that was imported, for all its name.

    Raises:
        SpikedistillError: if two files have the name: which is meant cannot be told.
    """
    first = name.partition(".")[0]
    taken = Path(getattr(sys.modules[first], "__file__", None) or "built in")
    for place in places:
        for own in (Path(place) / f"{first}.py", Path(place) / first / "__init__.py"):
            if own.is_file() and own.resolve() != taken.resolve():
                raise SpikedistillError(
                    f"{call!r} may mean two modules of one name, {own} and {taken}; give the file "
                    "another name"
                )


def _where(module: Any) -> str:
    return getattr(module, "__file__", None) or "built in"


def _check_options(call: str, factory: Callable[..., Any], options: Mapping[str, Any]) -> None:
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return  # written in C: the call itself will tell
    named = [p for p in parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        known = [p.name for p in named]
        for option in options:
            if option not in known:
                raise SpikedistillError(
                    f"{call!r} has no option {option!r}; {suggest(option, known)}"
                )
    needed = [p.name for p in named if p.default is p.empty and p.name not in options]
    if needed:
        raise SpikedistillError(
            f"{call!r} needs {', '.join(needed)}; give {'it' if len(needed) == 1 else 'them'} "
            f"beside the call, as in {{call: {call}, {needed[0]}: ...}}"
        )
