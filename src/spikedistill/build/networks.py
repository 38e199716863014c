"""The networks of a recipe, each made when it is first asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from spikedistill import models, teachers
from spikedistill.build.facts import Facts
from spikedistill.build.meet import meet
from spikedistill.conversion import CONVERSIONS
from spikedistill.core.conversion import Material
from spikedistill.core.errors import CameFromPython, SpikedistillError
from spikedistill.core.normalized import Normalized, NormalizedLeaf
from spikedistill.core.places import fill, stand_beside
from spikedistill.core.speech import remedy
from spikedistill.core.stages import expose_calls
from spikedistill.core.trace import Batch
from spikedistill.core.tree import Inputs, mapped
from spikedistill.data import data_root
from spikedistill.layers import LAYERS
from spikedistill.neurons import NEURONS
from spikedistill.recipes import parts
from spikedistill.recipes.network_entry import NetworkEntry
from spikedistill.recipes.weights_entry import file_and_key
from spikedistill.taps import declared_taps, give_stages

Say = Callable[[str], object]


@contextmanager
def seeded(seed: int, *purpose: str) -> Iterator[None]:
    """Initial weights that depend on the seed and on what they are for, and on nothing else."""
    digest = hashlib.sha256("/".join((*purpose, str(seed))).encode()).digest()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int.from_bytes(digest[:7], "little"))
        yield


@dataclass
class Workshop:
    """Builds the networks of a recipe, each when it is first asked for.

    One that is made from a network that an earlier phase trains is so made from the trained
    weights.

    Args:
        entries: the recipe's networks.
        facts: of the data.
        seed: of the run.
        data_dir: where weight files are looked for too.
        timesteps: name -> T of the role that it plays; default 1.
        batches: training batches in a fixed order, for conversions that need data.
        find_stages: whether networks that declare no stages get some.
        trained: whether weight files are loaded; False where the state is loaded afterwards.
        say: gets the sentences that a user should read.
        networks: those that are there already, or were handed over from Python.
    """

    entries: Mapping[str, NetworkEntry]
    facts: Facts
    seed: int = 0
    data_dir: str | Path | None = None
    timesteps: Mapping[str, int] = field(default_factory=dict)
    batches: Callable[[], Iterator[Batch]] = lambda: iter(())
    find_stages: bool = True
    trained: bool = True
    say: Say = str
    networks: dict[str, nn.Module] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict, init=False)
    """Name -> K of a network that is not of the zoo, once it is there."""
    _open: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, network in self.networks.items():
            try:
                self._meet(name, network)
            except ValueError as error:
                raise SpikedistillError(f"network {name!r}: {error}") from error
            self._find_stages(name, network)

    def network(self, name: str) -> nn.Module:
        """A network by its name in the recipe.

        Raises:
            SpikedistillError: if it cannot be built; the message begins with its name.
        """
        if name not in self.networks:
            if name in self._open:
                circle = " from ".join((*self._open[self._open.index(name) :], name))
                raise SpikedistillError(f"networks are made in a circle: {circle}; break it")
            self._open += (name,)
            try:
                with seeded(self.seed, "network", name):
                    made = self._build(name, self.entries[name])
                if self._is_foreign(self.entries[name]):
                    self._meet(name, made)
                self.networks[name] = made
            except CameFromPython as error:
                raise CameFromPython(f"network {name!r}: {error.facts}", error.option) from error
            except ValueError as error:
                raise SpikedistillError(f"network {name!r}: {error}") from error
            finally:
                self._open = self._open[:-1]
            self._find_stages(name, self.networks[name])
        return self.networks[name]

    def _build(self, name: str, entry: NetworkEntry) -> nn.Module:
        network = self._fresh(name, entry)
        if entry.source is not None:
            network = self._converted(name, entry, network)
        if network is None:
            raise CameFromPython(
                f"it ({entry.given}) came from Python and cannot be built from the run folder "
                "alone",
                "network",
            )
        loaded = self._load(entry, network)
        if entry.modules:
            beside = [parts.planned(one, LAYERS.find) for one in entry.modules]
            stand_beside(network, beside, self.facts.one_step, self._steps(name))
            if not loaded:
                self._load(entry, network, last=True)
        return network

    def _is_foreign(self, entry: NetworkEntry) -> bool:
        """Whether anything in a network is not of the library."""
        own = entry.call is not None or ":" in (entry.model or "")
        return own or any(self._is_foreign(self.entries[one]) for one in entry.sources
                          if one in self.entries) or entry.given is not None  # fmt: skip

    def _meet(self, name: str, network: nn.Module) -> None:
        """Try it on the data: see `build.meet`."""
        self.widths[name] = meet(
            name, network, self._example(network), self._steps(name), self.trained, self.say,
            self.facts.wanted,
        )  # fmt: skip
        expose_calls(network)

    def _example(self, network: nn.Module) -> Inputs:
        """The example as the network sees it in one step, where its weights are."""
        device = next((one.device for one in network.parameters()), torch.device("cpu"))
        return mapped(lambda value: value.to(device), self.facts.one_step)

    def _steps(self, name: str) -> int:
        return self.timesteps.get(name, 1)

    def _fresh(self, name: str, entry: NetworkEntry) -> Any:
        """The network of `model:` or `call:` before any weights; None where neither is said."""
        if entry.model is not None:
            return self._own(name, entry)
        if entry.call is not None:
            return teachers.own_network(
                entry.call, mean=entry.mean, std=entry.std, taps=entry.taps, **entry.options
            )
        return None

    def _own(self, name: str, entry: NetworkEntry) -> nn.Module:
        assert entry.model is not None and entry.activation is not None
        offered = {"classes": self.facts.classes, "channels": self.facts.channels}
        options = {key: value for key, value in offered.items() if value is not None}
        options |= entry.options
        if entry.norm is not None:
            options["norm"] = parts.make_norm(entry.norm)
        network = models.build(entry.model, parts.make_activation(entry.activation), **options)
        fill(network, self.facts.one_step, self._steps(name))
        mean, std = entry.mean or self.facts.mean, entry.std or self.facts.std
        if mean is None or std is None:
            return network
        leaf = self.facts.normalised(len(mean))
        return NormalizedLeaf(network, mean, std, leaf) if leaf else Normalized(network, mean, std)

    def _converted(self, name: str, entry: NetworkEntry, target: nn.Module | None) -> nn.Module:
        assert entry.source is not None and entry.by is not None
        options = dict(entry.by.options)
        if "neuron" in options:
            options["neuron"] = parts.planned(options["neuron"], NEURONS.find)
        convert = CONVERSIONS.find(entry.by.name)(**options)
        source = self.network(entry.source).cpu()  # where the data are; it may have been trained
        material = Material(
            source, self.facts.one_step, self.batches, target, self._steps(name), self.trained
        )
        made = convert(material)
        if not isinstance(made, nn.Module):
            raise SpikedistillError(
                f"the conversion {entry.by.name!r} returned a {type(made).__name__}; it must "
                "return a torch.nn.Module"
            )
        return made

    def _load(self, entry: NetworkEntry, network: nn.Module, last: bool = False) -> bool:
        """Load the weight file of an entry; False where it is of the network with its modules."""
        if entry.weights is None or not self.trained:
            return True
        file, key = file_and_key(entry.weights)
        path = find_weights(file, self.data_dir)
        try:
            teachers.load_weights(network, path, key, self.say)
        except SpikedistillError:
            if entry.modules and not last:
                return False
            raise
        return True

    def _find_stages(self, name: str, network: nn.Module) -> None:
        """Give a network that declares no stages some, and say which."""
        taps = declared_taps(network)
        if not self.find_stages or any(tap.startswith("stage") for tap in taps):
            return
        own = give_stages(network, self._example(network), self._steps(name))
        if not own:
            self.say(f"{name} makes no maps of features, so it has no stages to compare")
            return
        shown = ", ".join(f"{tap} = {path}" for tap, path in own.items())
        others = remedy(f"networks.{name}.taps", f"{name}_taps=")
        self.say(
            f"{name} declares no stages; taken are the last activations before each drop of "
            f"resolution: {shown} (choose others with {others})"
        )


def find_weights(text: str, data_dir: str | Path | None = None) -> Path:
    """A weight file or run folder: as given, or below the data folder.

    Raises:
        SpikedistillError: if it is in neither place.
    """
    tried = [Path(text).expanduser(), data_root(data_dir) / text]
    for path in tried:
        if path.exists():
            return path.resolve()
    places = " and ".join(str(path.absolute()) for path in dict.fromkeys(tried))
    raise SpikedistillError(
        f"there are no weights {text}; looked for at {places}. Give the path of a file or of a run "
        f"folder, or say where the data lie with {remedy('--data-dir', 'data_dir=')}"
    )
