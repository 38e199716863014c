"""A saved network made again from its run folder: what `model.json` says, then its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from spikedistill.build.data import build_data
from spikedistill.build.networks import Facts, Workshop
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.over_time import OverTime
from spikedistill.data import DataSet
from spikedistill.recipes.entries import NetworkEntry, read_data, read_network
from spikedistill.recipes.schema import Recipe
from spikedistill.teachers import load_weights
from spikedistill.training.run_folder import RunFolder


def model_card(
    recipe: Recipe, network: str, timesteps: int, facts: Facts, classes: Sequence[str]
) -> dict[str, Any]:
    """Everything that is needed to build the network again, for `model.json`."""
    entries: dict[str, NetworkEntry] = {}
    name: str | None = network
    while name is not None and name not in entries:
        entry = entries[name] = recipe.networks[name]
        name = entry.name if entry.kind == "twin_of" else None
    return {
        "network": network,
        "networks": {name: entry.plain() for name, entry in entries.items()},
        "timesteps": timesteps,
        "encoder": recipe.encoder,
        "facts": facts.plain(),
        "classes": list(classes),
        "data": recipe.data.plain(),
        "augment": recipe.augment,
        "seed": recipe.seed,
        "recipe": recipe.name,
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

    def data(self, data_dir: Path | str | None = None) -> DataSet:
        """The data that it was trained on, split as they were then.

        Args:
            data_dir: where data sets lie; default where they lay for the run.
        """
        where = data_dir or self._known_place()
        return build_data(read_data(self.card["data"]), where, self.card["seed"])

    def _known_place(self) -> str | None:
        """What the manifest of the run says, of which this may be one training."""
        for folder in (self.path.parent, self.path.parent.parent.parent):
            try:
                found = RunFolder(folder).manifest()["data_dir"]
            except (SpikedistillError, KeyError, TypeError):
                continue
            return found if isinstance(found, str) and Path(found).is_dir() else None
        return None


def rebuild(path: Path | str, given: nn.Module | None = None) -> Saved:
    """The network of a run folder, of one of its cells, or of a model file in it.

    Args:
        path: a folder that holds `model.json` and `model.safetensors`, or one of its
            `.safetensors` files.
        given: the architecture, where it (or the network whose twin it is) came from Python and
            cannot be built from words. It receives the weights.

    Raises:
        SpikedistillError: if something is missing, or the weights belong to another network.
    """
    path = Path(path)
    weights = path / "model.safetensors" if path.is_dir() else path
    card_path = weights.parent / "model.json"
    _check(path, weights, card_path)
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        facts = Facts.from_plain(card["facts"])
        entries = {name: read_network(entry) for name, entry in card["networks"].items()}
        name = card["network"]
    except (ValueError, KeyError, TypeError) as error:
        raise SpikedistillError(
            f"{card_path} is damaged ({type(error).__name__}: {error}); it is written by a run "
            "beside its model"
        ) from error
    root = next((key for key, entry in entries.items() if entry.kind == "given"), name)
    networks = {} if given is None else {root: given}
    workshop = Workshop(entries, facts, card.get("seed", 0), trained=False, networks=networks)
    built = workshop.network(name)
    load_weights(built, weights)
    return Saved(built.eval(), card, weights)


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


def load(run_or_file: Path | str, network: nn.Module | None = None) -> OverTime:
    """A trained student as an ordinary module: images `[B, C, H, W]` in [0, 1] to logits `[B, K]`.

    One that was trained on event frames takes `[B, T, C, H, W]`.

    Args:
        run_or_file: a run folder, one of its cells, or a `.safetensors` file in one.
        network: the architecture, where it (or the network whose twin it is) came from Python;
            it receives the weights.

    Raises:
        SpikedistillError: if something is missing, or the weights belong to another network.
    """
    saved = rebuild(run_or_file, network)
    return OverTime(saved.network, saved.timesteps).eval()
