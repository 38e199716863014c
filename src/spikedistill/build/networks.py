"""The networks of a recipe, each made when it is first asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spikedistill import models, teachers
from spikedistill.conversion.twin import spiking_twin
from spikedistill.core.errors import SpikedistillError
from spikedistill.data import DataSet, data_root
from spikedistill.layers.normalized import Normalized
from spikedistill.recipes import parts
from spikedistill.recipes.entries import NetworkEntry
from spikedistill.taps import declared_taps, default_stages

Say = Callable[[str], object]


@dataclass(frozen=True)
class Facts:
    """What a network must know of the data."""

    classes: int
    shape: tuple[int, ...]
    """C, H, W."""
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, data: DataSet) -> Facts:
        """The facts of a data set."""
        return cls(len(data.classes), data.shape, data.mean, data.std)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Facts:
        """The facts as JSON kept them."""
        return cls(plain["classes"], *(tuple(plain[name]) for name in ("shape", "mean", "std")))

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


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

    A twin of a network that an earlier phase trains is so made from the trained weights.

    Args:
        entries: the recipe's networks.
        facts: of the data.
        seed: of the run.
        data_dir: where weight files are looked for too.
        images: some images `[N, C, H, W]`, for twins' thresholds and for finding stages.
        trained: whether weight files are loaded; False where the state is loaded afterwards.
        say: gets the sentences that a user should read.
        networks: those that are there already, or were handed over from Python.
    """

    entries: Mapping[str, NetworkEntry]
    facts: Facts
    seed: int = 0
    data_dir: str | Path | None = None
    images: Tensor | None = None
    trained: bool = True
    say: Say = str
    networks: dict[str, nn.Module] = field(default_factory=dict)
    _open: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, network in self.networks.items():
            self._find_stages(name, network)

    def network(self, name: str) -> nn.Module:
        """A network by its name in the recipe.

        Raises:
            SpikedistillError: if it cannot be built; the message begins with its name.
        """
        if name not in self.networks:
            if name in self._open:
                raise SpikedistillError(f"the network {name!r} is the twin of its own twin")
            self._open += (name,)
            try:
                with seeded(self.seed, "network", name):
                    self.networks[name] = self._build(name, self.entries[name])
            except ValueError as error:
                raise SpikedistillError(f"network {name!r}: {error}") from error
            finally:
                self._open = self._open[:-1]
            self._find_stages(name, self.networks[name])
        return self.networks[name]

    def _build(self, name: str, entry: NetworkEntry) -> nn.Module:
        if entry.kind == "model":
            return self._own(entry)
        if entry.kind == "call":
            return teachers.own_network(
                entry.name,
                weights=self._weights(entry),
                mean=entry.mean,
                std=entry.std,
                taps=entry.taps,
                **entry.options,
            )
        if entry.kind == "twin_of":
            return self._twin(entry)
        raise SpikedistillError(
            f"it ({entry.name}) came from Python and cannot be built from the run folder alone; "
            "hand it over: spikedistill.load(run, network=...)"
        )

    def _own(self, entry: NetworkEntry) -> nn.Module:
        assert entry.activation is not None
        options = {"classes": self.facts.classes, "channels": self.facts.shape[0]} | entry.options
        if entry.norm is not None:
            options["norm"] = parts.make_norm(entry.norm)
        network = models.build(entry.name, parts.make_activation(entry.activation), **options)
        whole = Normalized(network, entry.mean or self.facts.mean, entry.std or self.facts.std)
        path = self._weights(entry)
        if path is not None:
            ours = any(key.startswith("network.") for key in teachers.read_weights(path))
            teachers.load_weights(whole if ours else network, path)
        return whole

    def _twin(self, entry: NetworkEntry) -> nn.Module:
        assert entry.activation is not None
        options = dict(entry.options)
        if options.get("thresholds") == "data":
            options["thresholds"] = self.images if self.trained else 1.0
        return spiking_twin(
            self.network(entry.name).cpu(),  # where the images are; it may have been trained
            parts.make_activation(entry.activation),
            weights=entry.weights or "copied",  # type: ignore[arg-type]
            **options,
        )

    def _weights(self, entry: NetworkEntry) -> Path | None:
        if entry.weights is None or not self.trained:
            return None
        return find_weights(entry.weights, self.data_dir)

    def _find_stages(self, name: str, network: nn.Module) -> None:
        """Give a network that declares no stages some, and say which."""
        taps = declared_taps(network)
        if self.images is None or any(tap.startswith("stage") for tap in taps):
            return
        device = next((one.device for one in network.parameters()), self.images.device)
        found = default_stages(network, self.images.to(device))
        inner, prefix = network, ""
        if isinstance(network, Normalized):
            inner, prefix = network.network, "network."
        own = {tap: path.removeprefix(prefix) for tap, path in found.items()}
        inner.taps = dict(getattr(inner, "taps", {})) | own  # type: ignore[assignment]
        shown = ", ".join(f"{tap} = {path}" for tap, path in own.items()) or "none"
        self.say(
            f"{name} declares no stages; taken are the last activations before each drop of "
            f"resolution: {shown} (choose others with networks.{name}.taps)"
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
        "folder, or say where the data lie with --data-dir"
    )
