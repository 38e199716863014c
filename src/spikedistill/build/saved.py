"""A saved network made again from its run folder: what `model.json` says, then its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

from spikedistill.build.data import build_data
from spikedistill.build.facts import Facts
from spikedistill.build.handed_over import (
    Data,
    Networks,
    check_form,
    check_names,
    check_same_neurons,
    data_of,
    networks_of,
    neurons_of,
    other_data,
    root_of,
    with_classes,
)
from spikedistill.build.networks import Workshop
from spikedistill.core.calls import look_in
from spikedistill.core.errors import CameFromPython, SpikedistillError
from spikedistill.core.over_time import OverTime
from spikedistill.data import DataSet
from spikedistill.metrics import METRICS
from spikedistill.recipes.data_entry import read_data
from spikedistill.recipes.network_entry import NetworkEntry, read_network
from spikedistill.recipes.options import Choice, choose
from spikedistill.recipes.schema import Phase, Recipe
from spikedistill.teachers import load_weights
from spikedistill.training.run_folder import RunFolder


def model_card(
    recipe: Recipe,
    network: str,
    timesteps: int,
    facts: Facts,
    data: DataSet,
    phase: Phase,
    made: nn.Module,
) -> dict[str, Any]:
    """Everything that is needed to build the network again, for `model.json`.

    Of a network that came from Python (`made`) its neurons are kept too: another one that is
    handed over later may have the same weights.
    """
    entries: dict[str, NetworkEntry] = {}
    learning = {phase.roles[name].network: phase.roles[name].timesteps for name in phase.learning}
    wanted = [network, *learning]
    while wanted:
        name = wanted.pop()
        if name not in entries:
            entries[name] = recipe.networks[name]
            wanted += entries[name].sources
    return {
        "network": network,
        "networks": {name: entry.plain() for name, entry in entries.items()},
        "timesteps": timesteps,
        "others": {name: T for name, T in learning.items() if name != network},
        "encoder": recipe.encoder,
        "facts": facts.plain(),
        "classes": list(data.classes),
        "data": (phase.data or recipe.data).plain(),
        "augment": recipe.augment,
        "metrics": [one.plain() for one in recipe.metrics],
        "seed": recipe.seed,
        "recipe": recipe.name,
        **({"beside": recipe.beside} if recipe.beside else {}),
        **({"neurons": neurons_of(made)} if entries[root_of(entries, network)].given else {}),
    }


@dataclass(frozen=True)
class Saved:
    """A network from a run folder, and what is known of it."""

    network: nn.Module
    card: Mapping[str, Any]
    path: Path

    @property
    def timesteps(self) -> int:
        """T of the role in which it was trained."""
        return int(self.card["timesteps"])

    @property
    def metrics(self) -> tuple[Choice, ...]:
        """What judged it, where its recipe named that."""
        given = self.card.get("metrics", ())
        chosen = (choose(one, METRICS.find, "metric")[0] for one in given)
        return tuple(one for one in chosen if one is not None)

    def data(self, data_dir: Path | str | None = None, handed: Data = None) -> DataSet:
        """The data that it was trained on, split as they were then.

        Args:
            data_dir: where data sets lie; default where they lay for the run.
            handed: the data, where they came from Python; whether they are the same ones,
                `doubts` says.

        Raises:
            SpikedistillError: if they are missing, came from Python and were not handed over, or
                have samples that the network cannot read.
        """
        where, seed = data_dir or self._known_place(), self.card["seed"]
        if handed is not None:
            data = with_classes(data_of(handed, seed, where), self.card.get("classes", ()))
            check_form(data, Facts.from_plain(self.card["facts"]), self.card["encoder"])
            return data
        entry = read_data(self.card["data"])
        if entry.kind == "given":
            what = f"the data of {self.path.parent} ({entry.name})"
            raise CameFromPython(
                f"{what} came from Python and cannot be made again from the run folder", "data"
            )
        return with_classes(build_data(entry, where, seed), self.card.get("classes", ()))

    def doubts(self, data: DataSet, handed: Data) -> list[str]:
        """Sentences that belong beside what is measured on data that were handed over."""
        if handed is None:
            return []
        try:
            known = RunFolder(self.path.parent).manifest()["data"]
        except (SpikedistillError, KeyError, TypeError):
            return []
        sentence = other_data(data, known)
        return [] if sentence is None else [f"{sentence} What is measured is of these."]

    def _known_place(self) -> str | None:
        """What the manifest of the run says, of which this may be one training."""
        for folder in (self.path.parent, self.path.parent.parent.parent):
            try:
                found = RunFolder(folder).manifest()["data_dir"]
            except (SpikedistillError, KeyError, TypeError):
                continue
            return found if isinstance(found, str) and Path(found).is_dir() else None
        return None


Where = str | PathLike[str]
"""A path, or what stands for one: the result of `spikedistill.distill`."""


def folder_of(where: Where) -> Path:
    """The path.

    Raises:
        SpikedistillError: if it is none.
    """
    try:
        return Path(where)
    except TypeError as error:
        raise SpikedistillError(
            f"a run is the path of its folder, or what spikedistill.distill returned, and "
            f"{type(where).__name__} was given"
        ) from error


def rebuild(path: Where, handed: Networks = None) -> Saved:
    """The network of a run folder, of one of its cells, or of a model file in it.

    Args:
        path: a folder that holds `model.json` and `model.safetensors`, or one of its
            `.safetensors` files.
        handed: the architecture, where it (or the network whose twin it is) came from Python and
            cannot be built from words. A copy of it receives the weights.

    Raises:
        SpikedistillError: if something is missing, or the weights belong to another network.
    """
    path = folder_of(path)
    weights = path / "model.safetensors" if path.is_dir() else path
    card_path = weights.parent / "model.json"
    _check(path, weights, card_path)
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        if card.get("beside"):
            look_in(card["beside"])
        facts = Facts.from_plain(card["facts"])
        entries = {name: read_network(entry) for name, entry in card["networks"].items()}
        card = _of_another(card, weights.stem)
        name, steps = card["network"], int(card["timesteps"])
    except (ValueError, KeyError, TypeError) as error:
        raise SpikedistillError(
            f"{card_path} is damaged ({type(error).__name__}: {error}); it is written by a run "
            "beside its model"
        ) from error
    check_names(handed, _names(entries, weights.parent))
    workshop = Workshop(
        entries,
        facts,
        card.get("seed", 0),
        timesteps=dict.fromkeys(entries, steps),
        find_stages=False,
        trained=False,
        networks=networks_of(handed, entries, name),
    )
    built = workshop.network(name)
    _load(built, weights, entries[root_of(entries, name)].given)
    check_same_neurons(built, card.get("neurons"))
    return Saved(built.eval(), card, weights)


def _names(entries: Mapping[str, NetworkEntry], folder: Path) -> list[str]:
    """The names of all networks of a run, as far as they are known."""
    try:
        others = RunFolder(folder).config()["networks"]
    except (SpikedistillError, KeyError):
        others = ()
    return list(dict.fromkeys([*entries, *others]))


def _load(network: nn.Module, weights: Path, given: str | None) -> None:
    """Load the weights; where they do not fit what was handed over, say what that was."""
    try:
        load_weights(network, weights)
    except SpikedistillError as error:
        if given is None:
            raise
        raise SpikedistillError(f"{error} In the run, what came from Python was {given}") from error


def _of_another(card: dict[str, Any], stem: str) -> dict[str, Any]:
    """The card of a network that learned beside the student, where the file is of such a one."""
    name = stem.removeprefix("network-")
    if name == stem or name not in card.get("others", {}):
        return card
    return card | {"network": name, "timesteps": card["others"][name], "neurons": None}


def _check(path: Path, weights: Path, card: Path) -> None:
    if not path.exists():
        raise SpikedistillError(f"there is no run folder or model file {path}")
    if not weights.exists():
        unfinished = (path / "config.yaml").exists()
        hint = (
            f"the run is not finished; go on with `spikedistill resume {path}`"
            if unfinished
            else "give the folder of a finished run, one of its cells, or a .safetensors file"
        )
        raise SpikedistillError(f"{path} holds no model.safetensors: {hint}")
    if not card.exists():
        raise SpikedistillError(
            f"there is no {card.name} beside {weights}, which says how the network is built; keep "
            "the two files together, or load the weights into a network of your own with "
            "spikedistill.teachers.load_weights"
        )


def load(run_or_file: Where, network: Networks = None) -> OverTime:
    """A trained student as an ordinary module: images `[B, C, H, W]` in [0, 1] to logits `[B, K]`.

    One that was trained on event frames takes `[B, T, C, H, W]`.

    Args:
        run_or_file: a run folder, one of its cells, a `.safetensors` file in one, or what
            `spikedistill.distill` returned.
        network: the architecture, where it (or the network whose twin it is) came from Python;
            a copy of it receives the weights. Of several, `{name: network}`.

    Raises:
        SpikedistillError: if something is missing, or the weights belong to another network.
    """
    saved = rebuild(run_or_file, network)
    return OverTime(saved.network, saved.timesteps).eval()
