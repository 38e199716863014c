"""The registry of networks: the functions in `__all__` of every public file of this package."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import cache

import spikedistill.models as package
from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.core.factory import Activation
from spikedistill.models._network import Network

Blueprint = Callable[..., Network]
_NOT_BLUEPRINTS = {"twin", "transplant"}


@cache
def _blueprints() -> dict[str, Blueprint]:
    found: dict[str, Blueprint] = {}
    for file in pkgutil.iter_modules(package.__path__):
        if file.name.startswith("_") or file.name in _NOT_BLUEPRINTS:
            continue
        module = importlib.import_module(f"{package.__name__}.{file.name}")
        found |= {name: getattr(module, name) for name in module.__all__}
    return dict(sorted(found.items()))


def names() -> tuple[str, ...]:
    """The names of all networks, sorted."""
    return tuple(_blueprints())


def find(name: str) -> Blueprint:
    """The blueprint of a name.

    Raises:
        SpikedistillError: if there is none; the message names the closest one.

    Example:
        >>> find("resnet18").__name__
        'resnet18'
    """
    if name not in _blueprints():
        raise SpikedistillError(f"there is no network {name!r}; {suggest(name, names())}")
    return _blueprints()[name]


def options(name: str) -> tuple[str, ...]:
    """The options that `build(name, activation, ...)` takes."""
    parameters = inspect.signature(find(name)).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def build(name: str, activation: Activation, **given: object) -> Network:
    """A network by name.

    Raises:
        SpikedistillError: for an unknown name, or for options that the network does not take.
    """
    blueprint, known = find(name), options(name)
    wrong = [repr(option) for option in given if option not in known]
    if wrong:
        raise SpikedistillError(
            f"the network {name!r} has no option {', '.join(wrong)}; "
            f"its options are: {', '.join(known)}"
        )
    return blueprint(activation, **given)
