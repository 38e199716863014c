"""What to cite for a recipe: the publications of what it uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from spikedistill.conversion import CONVERSIONS
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.reference import Reference
from spikedistill.layers import LAYERS
from spikedistill.recipes import parts
from spikedistill.recipes.network_entry import read_network
from spikedistill.recipes.options import Choice, split_choice


def references(config: Mapping[str, Any]) -> list[Reference]:
    """The publications of what a resolved recipe uses, each once: losses, then neurons and layers.

    What is of a user's own and has none, or cannot be found from here, is left out.
    """
    found: dict[str, Reference] = {}
    for phase in config.get("phases", []):
        for losses in (phase["losses"], *phase.get("compare", {}).values()):
            for loss in losses:
                found |= {one.key: one for one in _of_loss(loss)}
    for network in config.get("networks", {}).values():
        found |= {one.key: one for one in _of_network(network)}
    return list(found.values())


def _of_loss(loss: Any) -> Sequence[Reference]:
    name, options = split_choice(loss) or ("", None)
    try:
        return parts.loss(name).origins(options or {})
    except SpikedistillError:
        if ":" not in name:
            raise
        return ()


def _of_network(network: Any) -> Iterator[Reference]:
    """Of its neurons, its norm, the layers beside them, and the way in which it was made."""
    try:
        entry = read_network(network)
    except (SpikedistillError, ValidationError):  # it needs a file of the user's that is not here
        return
    neuron = entry.by and entry.by.options.get("neuron")
    used = [(parts.activation, entry.activation), (parts.activation, neuron)]
    used += [(LAYERS.find, one) for one in (entry.norm, *entry.modules)]
    for find, choice in (*used, (CONVERSIONS.find, entry.by)):
        name, _ = split_choice(choice.plain() if isinstance(choice, Choice) else choice) or ("", 0)
        try:
            reference = getattr(find(name), "reference", None) if name else None
        except SpikedistillError:
            continue
        if isinstance(reference, Reference):
            yield reference
