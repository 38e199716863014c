"""The energy of a saved spiking network, beside its own ANN, its quantised ANN and its teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from torch import nn

from spikedistill.build.data import split_loader
from spikedistill.build.facts import Facts
from spikedistill.build.handed_over import Data, Networks, networks_of
from spikedistill.build.networks import Workshop
from spikedistill.build.saved import Saved, Where, rebuild
from spikedistill.core.clock import spiking
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.machine import machine
from spikedistill.core.over_time import steps_asked
from spikedistill.core.row import Row
from spikedistill.costs.energy import (
    MODELS,
    PRESETS,
    activation_bits,
    counting_events,
    energies,
    layer_energies,
    spikes_per_synapse,
)
from spikedistill.costs.functional import uncounted
from spikedistill.costs.synops import LayerOperations
from spikedistill.data import DataSet, Loader, length, spread
from spikedistill.pages.energy_tables import sentences
from spikedistill.recipes.schema import Recipe, RoleEntry, parse
from spikedistill.training.costs import layer_operations
from spikedistill.training.run_folder import RunFolder
from spikedistill.training.settings import Settings

BREAK_EVEN = (
    {
        "source": "Dampfhoffer et al., IEEE TETCI 2023",
        "spikes_per_synapse": [0.15, 1.38],
        "claim": "spiking networks compete with ANNs at no more than 0.15 to 1.38 spikes per "
        "synapse and inference, depending on the hardware of the ANN",
    },
    {
        "source": "Yan, Bai and Wong, arXiv 2409.08290",
        "rate": 0.064,
        "timesteps": [5, 10],
        "claim": "on typical neuromorphic hardware the spike rate must stay below 6.4 % for T of "
        "5 to 10 to beat the quantised network that carries as many bits",
    },
)
"""What the literature says about when spikes pay."""
EventInput = Literal["mac", "ac"]


@dataclass(frozen=True)
class _Teacher:
    """The ANN from which a student learned."""

    name: str
    macs: float
    layers: Sequence[LayerOperations] | None
    """None where it cannot be built again, and only its multiply-adds are known."""
    steps: int = 1
    """How often it runs: T where it looks at every frame of a recording."""

    def energy(self, model: str, timesteps: int) -> float | None:
        """Picojoules per inference, None where they are not known."""
        if self.layers is not None:
            return self.steps * energies(self.layers, timesteps)[model].ann_pj
        return self.macs * PRESETS[model].mac_pj if model in PRESETS else None


def energy_of(
    path: Where,
    data_dir: Path | str | None = None,
    *,
    timesteps: int | None = None,
    samples: int | None = None,
    batch_size: int = 128,
    event_input: EventInput = "mac",
    network: Networks = None,
    data: Data = None,
) -> dict[str, Any]:
    """Measure on the test split what an inference of a saved spiking network costs.

    `spikedistill.energy`; on the command line `spikedistill energy`.

    Args:
        path: a run folder, one of its cells, or a model file in one.
        data_dir: where data sets lie; default where they lay for the run.
        timesteps: T; default as it was trained.
        samples: how many test samples; default all.
        batch_size: samples per batch.
        event_input: whether a stem that reads counts of events multiplies ("mac", the strict
            reading) or accumulates ("ac", common practice).
        network: the architecture, where it (or the network whose twin it is) came from Python: a
            module, which is not changed, or `{name: module}`. Of a teacher that came from Python
            and is not among them, only the multiply-adds are known.
        data: the data, where they came from Python, as `spikedistill.evaluate` takes them.

    Returns:
        A mapping for JSON. `layers`: one for each convolution and linear layer. `totals`: model of
        energy -> `snn_pj`, `ann_pj` (the same network as an ANN; quantised in `quantized`),
        `teacher_pj` (or None), `ratio` (the first by the second). `teachers`: every frozen ANN that
        guides it, priced. `spikes_per_synapse` per
        inference, `rate` of the inputs of layers that accumulate, `break_even` of the literature,
        `named` (layers that multiply, and why), `sentences` that belong beside the figures.

    Raises:
        SpikedistillError: if the network or the data are not there, or nothing in it spikes.
    """
    if event_input not in ("mac", "ac"):
        raise SpikedistillError(f"event input counts as 'mac' or 'ac', not {event_input!r}")
    saved, handed = _spiking(path, network), data
    data = saved.data(data_dir, handed)
    loader = _loader(data, batch_size, samples)
    steps = steps_asked(timesteps, saved.timesteps)
    saved.network.to(machine().device)
    layers = layer_operations(saved.network, steps, loader, saved.card["encoder"])
    if event_input == "ac":
        layers = counting_events(layers)
    teachers = _teachers(saved, loader, network)
    teacher = teachers[0] if teachers else None
    found = {
        "path": str(saved.path),
        "network": saved.card["network"],
        "data": data.name,
        "split": "test",
        "samples": loader.samples,
        "all_samples": length(data.test),
        "timesteps": steps,
        "bits": activation_bits(steps),
        "event_input": event_input,
        "teacher": teacher and {"network": teacher.name, "macs": teacher.macs},
        "teachers": [
            {
                "network": one.name,
                "macs": one.macs,
                "pj": {model: one.energy(model, steps) for model in MODELS},
            }
            for one in teachers
        ],
        "layers": [_layer(layer, steps) for layer in layers],
        "totals": _totals(layers, steps, teacher),
        **_firing(layers),
        "break_even": [dict(claim) for claim in BREAK_EVEN],
        "named": [_named(layer) for layer in layers if not layer.spiking],
    }
    left = uncounted(saved.network, [layer.path for layer in layers])
    return found | {"sentences": [*saved.doubts(data, handed), *sentences(found, left)]}


def _spiking(path: Where, network: Networks) -> Saved:
    saved = rebuild(path, network)
    if spiking(saved.network):
        return saved
    raise SpikedistillError(
        f"the network {saved.card['network']!r} of {path} has no neurons, so there is no spiking "
        "energy to count; give the run, or the cell, of a spiking student"
    )


def _loader(data: DataSet, batch_size: int, samples: int | None) -> Loader:
    if samples is not None and samples < 1:
        raise SpikedistillError(f"energy is measured on at least 1 sample, not {samples}")
    test = data.test if samples is None else spread(data.test, samples)
    loader = split_loader(data, test, Settings(batch_size=batch_size))
    if loader is None:
        raise SpikedistillError(
            f"the test split of {data.name} is empty, and rates are measured on it; give the data "
            "a test split"
        )
    return loader


def _teachers(saved: Saved, loader: Loader, handed: Networks) -> list[_Teacher]:
    """The ANNs that guide the student of a run, the one called teacher first."""
    run = saved.path.parent
    if not (run / "config.yaml").exists():
        return []
    config = RunFolder(run).config()
    config.pop("cell", None)
    recipe = parse(config, str(run / "config.yaml"))
    guides = _guides(recipe, saved.card["network"])
    networks = networks_of(handed, recipe.networks, saved.card["network"])
    made = (_teacher(saved, recipe, networks, role, loader) for role in guides)
    return [one for one in made if one is not None]


def _teacher(
    saved: Saved,
    recipe: Recipe,
    networks: Mapping[str, nn.Module],
    role: RoleEntry,
    loader: Loader,
) -> _Teacher | None:
    """One of them; None for a spiking network, and where nothing is known of it."""
    name, steps = role.network, role.timesteps
    facts = Facts.from_plain(saved.card["facts"])
    try:
        # how much an ANN multiplies does not depend on its weights
        built = Workshop(
            recipe.networks,
            facts,
            recipe.seed,
            find_stages=False,
            trained=False,
            networks=dict(networks),
        ).network(name)
    except SpikedistillError:
        macs = _known_macs(saved.path.parent, name)
        return None if macs is None else _Teacher(name, macs, None)
    if spiking(built):
        return None
    encoding = "frames" if saved.card["encoder"] == "frames" else "direct"
    one = Loader(spread(loader.split, 1), 1, collate=loader.collate)
    layers = layer_operations(built.to(machine().device), steps, one, encoding)
    return _Teacher(name, sum(layer.multiplications for layer in layers), layers, steps)


def _guides(recipe: Recipe, student: str) -> list[RoleEntry]:
    """The roles that do not learn in the last phase that trains the student, `teacher` first."""
    for phase in reversed(recipe.phases):
        if any(phase.roles[name].network == student for name in phase.learning):
            fixed = {
                role.network: (name != "teacher", role)
                for name, role in phase.roles.items()
                if not role.trainable and role.network != student
            }
            return [role for _, role in sorted(fixed.values(), key=lambda pair: pair[0])]
    return []


def _known_macs(run: Path, network: str) -> float | None:
    """The multiply-adds of an ANN that a run, or the run of which it is a cell, wrote down."""
    for folder in (run, run.parent.parent):
        for plain in (RunFolder(folder).result() or {}).get("rows", ()):
            row = Row.from_plain(plain)
            if row.network == network and not row.spiking and row.macs is not None:
                return row.macs * row.timesteps
    return None


def _layer(layer: LayerOperations, timesteps: int) -> dict[str, Any]:
    figures = layer_energies(layer, timesteps)
    return {
        "layer": layer.path,
        "operation": "AC" if layer.spiking else "MAC",
        "stem": layer.stem,
        "macs": layer.macs,
        "steps": layer.steps,
        "rate": layer.rate,
        "binary": layer.binary,
        "spikes_per_synapse": layer.spikes_per_synapse if layer.spiking else None,
        "synops": layer.accumulations,
        "multiplications": layer.multiplications,
        "neuron_updates": layer.neuron_updates,
        "weights": layer.weights,
        "inputs": layer.inputs,
        "outputs": layer.outputs,
        "updates": [asdict(update) for update in layer.updates],
        "energy": {model: asdict(energy) for model, energy in figures.items()},
    }


def _totals(
    layers: Sequence[LayerOperations], timesteps: int, teacher: _Teacher | None
) -> dict[str, Any]:
    figures = energies(layers, timesteps)
    return {
        model: {
            **asdict(figures[model]),
            "teacher_pj": teacher and teacher.energy(model, timesteps),
            "ratio": figures[model].ratio,
        }
        for model in MODELS
    }


def _firing(layers: Sequence[LayerOperations]) -> dict[str, float]:
    """Spikes per synapse of the whole network, and the share of its inputs that spike in a step."""
    spiking = [layer for layer in layers if layer.spiking]
    products = sum(layer.macs * layer.steps for layer in spiking)
    synops = sum(layer.accumulations for layer in spiking)
    return {
        "synops": synops,
        "multiplications": sum(layer.multiplications for layer in layers),
        "neuron_updates": sum(layer.neuron_updates for layer in layers),
        "spikes_per_synapse": spikes_per_synapse(layers),
        "rate": synops / products if products else 0.0,
    }


def _named(layer: LayerOperations) -> dict[str, str]:
    """A layer that multiplies, and why."""
    other = f"{100 * (1 - layer.binary):.3g} % of its inputs are neither 0 nor 1"
    if not layer.stem:
        return {"layer": layer.path, "why": other}
    reads = "counts of events" if layer.counts else "real numbers"
    return {"layer": layer.path, "why": f"it stands before all neurons and reads {reads}: {other}"}
