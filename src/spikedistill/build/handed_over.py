"""Networks and data from Python for a run that was made with them: taken by name, and checked."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from spikedistill.build.data import check_inputs, with_task
from spikedistill.build.facts import Facts
from spikedistill.core.clock import Temporal
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.over_time import OverTime
from spikedistill.core.received import received
from spikedistill.core.speech import speaking_python
from spikedistill.data import DataSet, Samples, data_set, handed_over
from spikedistill.recipes.network_entry import NetworkEntry
from spikedistill.taps import check_taps
from spikedistill.teachers import own_network

Networks = nn.Module | str | Mapping[str, nn.Module | str] | None
"""Networks handed over: one (the student, or the network from which it is made), or several by
their names in the run. A text is `module:factory`, which is called without arguments."""
Data = DataSet | Samples | str | Sequence[Samples] | Mapping[str, Any] | None
"""Data handed over: a `DataSet`, a torch `Dataset` or `Split` to train on, (train, test), (train,
valid, test), a mapping with these keys, or a text: a name, or `module:factory`."""


def root_of(entries: Mapping[str, NetworkEntry], name: str) -> str:
    """The name of the network from which one is made in the end: itself, or whose twin it is."""
    while entries[name].given is None:
        source = entries[name].source
        if source is None or source not in entries:
            break
        name = source
    return name


def networks_of(
    handed: Networks, entries: Mapping[str, NetworkEntry], student: str
) -> dict[str, nn.Module]:
    """The networks of a run that were handed over, as copies, with the taps that they had in it.

    Args:
        handed: what the user gave. Names that are none of `entries` are left out.
        entries: the networks of the run.
        student: whose architecture a network without a name is.

    Raises:
        SpikedistillError: if one is no network, or has not the modules that the run tapped.
    """
    if handed is None:
        return {}
    named = handed if isinstance(handed, Mapping) else {root_of(entries, student): handed}
    return {
        name: _copied(name, network, entries[name].taps)
        for name, network in named.items()
        if name in entries
    }


def check_names(handed: Networks, known: Sequence[str]) -> None:
    """Refuse a name that no network of a run has.

    Raises:
        SpikedistillError: naming it and those that there are.
    """
    for name in handed if isinstance(handed, Mapping) else ():
        if name not in known:
            raise SpikedistillError(
                f"a network was handed over as {name!r}, and the run has {', '.join(known)}; "
                "take one of these names"
            )


def _copied(name: str, network: nn.Module | str, taps: Mapping[str, str] | None) -> nn.Module:
    made: Any = own_network(network) if isinstance(network, str) else network
    if not isinstance(made, nn.Module):
        raise SpikedistillError(
            f"{type(made).__name__} was handed over as network {name!r}; expected is a "
            "torch.nn.Module, or a text 'module:factory'"
        )
    made = made.network if isinstance(made, OverTime) else made
    made = received(made, name).cpu().float()  # the precision in which every run computes
    if taps:
        check_taps(made, taps)
        made.taps = {**getattr(made, "taps", {}), **taps}  # type: ignore[assignment]
    return made


def neurons_of(network: nn.Module) -> dict[str, str]:
    """The path of every layer of neurons, and what it is: what weights do not tell."""
    return {
        path: re.sub(r" at 0x[0-9a-f]+", "", f"{type(module).__name__}({module.extra_repr()})")
        for path, module in network.named_modules()
        if isinstance(module, Temporal) and module.fires is not None
    }


def check_same_neurons(network: nn.Module, known: Mapping[str, str] | None) -> None:
    """Refuse a network that takes the weights of a run and has other neurons.

    Args:
        network: as it was handed over, or made from what was.
        known: what `neurons_of` said of the network that was trained; None: nothing was kept.

    Raises:
        SpikedistillError: naming the first place where they differ.
    """
    if known is None:
        return
    now = neurons_of(network)
    for path in dict.fromkeys([*known, *now]):
        if known.get(path) != now.get(path):
            raise SpikedistillError(
                f"the network that was handed over is another one than that of the run: {path!r} "
                f"is {now.get(path, 'no layer of neurons')} and was "
                f"{known.get(path, 'no layer of neurons')}; hand over that of the run"
            )


def data_of(
    handed: DataSet | Samples | str | Sequence[Samples] | Mapping[str, Any],
    seed: int,
    data_dir: Path | str | None = None,
) -> DataSet:
    """The data that were handed over, split by seed as `spikedistill.distill` splits them.

    Raises:
        SpikedistillError: if they are of no form that data may have.
    """
    if isinstance(handed, DataSet):
        return with_task(handed)
    if isinstance(handed, str):
        return with_task(data_set(handed, data_dir, seed))
    if isinstance(handed, Mapping):
        handed = {name: part for name, part in handed.items() if part is not None}
    name = kind_of(handed)
    with speaking_python():
        return with_task(dataclasses.replace(handed_over(name, handed, seed), name=name))


def with_classes(data: DataSet, classes: Sequence[str]) -> DataSet:
    """Data of which only labels were counted, with as many classes as they had in the run."""
    if not data.counted or len(classes) <= len(data.classes):
        return data
    return dataclasses.replace(data, classes=tuple(classes))


def kind_of(handed: Any) -> str:
    """What data from Python are called: the class of what is trained on."""
    if isinstance(handed, Mapping):
        handed = handed.get("train")
    elif isinstance(handed, Sequence) and handed:
        handed = handed[0]
    return type(handed).__qualname__


def check_form(data: DataSet, facts: Facts, encoding: str) -> None:
    """Refuse data that a network cannot read.

    Args:
        data: what was handed over.
        facts: of the data that the network was trained on.
        encoding: how samples become steps.

    Raises:
        SpikedistillError: if targets are missing, or inputs have other names or channels.
    """
    check_inputs(data, encoding, {})
    now = Facts.of(data)
    if now.names != facts.names or now.channels != facts.channels:
        raise SpikedistillError(
            f"the data that were handed over ({data.name}) have inputs of {_form(now)}, and the "
            f"network was trained on inputs of {_form(facts)}; hand over the data of the run"
        )


def _form(facts: Facts) -> str:
    names = f"{', '.join(facts.names)} with " if any(facts.names) else ""
    return f"{names}{'whole numbers' if facts.channels is None else f'{facts.channels} channels'}"


def other_data(data: DataSet, known: Mapping[str, str]) -> str | None:
    """A sentence where data are others than those of a run; None where nothing tells them apart.

    Args:
        data: what was handed over.
        known: the hashes in the manifest of the run.
    """
    if not known or dict(data.hashes) == dict(known):
        return None
    names = sorted({*known, *data.hashes})
    other = [name for name in names if known.get(name) != data.hashes.get(name)]
    return (
        f"The data that were handed over ({data.name}) are others than those of the run: they "
        f"differ in {', '.join(other)}."
    )
