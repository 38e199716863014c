"""A long look at one trained network: its answers, its spikes, what it costs and where it looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikedistill.analysis.subject import Subject, classes_of
from spikedistill.core.clock import steps_allowed
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.evaluation import evaluation
from spikedistill.core.trace import Batch
from spikedistill.core.tree import first, mapped
from spikedistill.costs.energy import energies, energy_pj
from spikedistill.costs.synops import LayerOperations, SynopsMeter
from spikedistill.data import length, spread
from spikedistill.explain.dead_neurons import extremes
from spikedistill.explain.firing_maps import FiringMaps
from spikedistill.explain.grad_cam import grad_cam
from spikedistill.explain.membrane_histogram import MembraneHistogram
from spikedistill.explain.spike_activation_map import (
    from_0_to_1,
    shown_maps,
    spike_activation_map,
)
from spikedistill.pages.examined import Examined
from spikedistill.pages.pictures import images_at, pixels_of
from spikedistill.pages.sections import SECTIONS, Answers, Gathered
from spikedistill.taps import Tapped, usable_taps

EXAMPLES, HISTOGRAMMED, EARLY = 8, 200, 200
"""Samples: with maps; for membrane histograms; for the cost of fewer steps."""
FEWER = 7
"""Numbers of steps below T whose cost is measured."""
PLACES = 16
"""H * W that the maps of a layer need to show where something is; the last such layer is taken."""


def examine_network(subject: Subject, sections: Sequence[str] = ()) -> Examined:
    """Everything that a report shows of one network and that needs it alive.

    Args:
        subject: the network, and what it is shown.
        sections: sections of the report that keep something of its answers.

    Raises:
        SpikedistillError: if there are no samples, or the network diverged.
    """
    if not length(subject.samples):
        raise SpikedistillError("there are no samples to look at")
    layers = _Layers(subject)
    outputs: list[Tensor] = []
    batches: list[Batch] = []
    meter = SynopsMeter(subject.network, subject.timesteps)
    with torch.no_grad(), evaluation(subject.network), meter, layers.listening():
        for inputs, batch in subject.batches():
            meter.mask = layers.mask = batch.mask
            outputs.append(first(subject.run(inputs)).float().cpu())
            layers.next_batch(len(batch))
            batches.append(batch.to(torch.device("cpu")))
    facts: dict[str, Any] = {"images": length(subject.samples)}
    arrays: dict[str, np.ndarray] = {}
    for gathered in _of_task(subject, outputs, batches, sections):
        facts |= gathered.facts
        arrays |= gathered.arrays
    facts |= _costs(meter.layers(), subject.timesteps)
    whole = [subject.timesteps, facts["totals"]["45nm"]["snn_pj"]]
    facts["energy_at"] = [*_cheaper(subject), whole]
    layer_facts, layer_arrays = layers.found()
    map_facts, map_arrays = _maps(subject, batches, layers.last_map)
    facts |= {"spiking": subject.spiking, "layers": layer_facts, "maps": map_facts}
    return Examined(facts, arrays | layer_arrays | map_arrays)


def _of_task(
    subject: Subject, outputs: Sequence[Tensor], batches: Sequence[Batch], sections: Sequence[str]
) -> Iterator[Gathered]:
    """What the sections of the task keep of the answers."""
    wanted = [one for one in map(SECTIONS.find, sections) if one.gather is not None]
    if not wanted:
        return
    rows = [_rows(out, batch) for out, batch in zip(outputs, batches, strict=True)]
    answers = Answers(
        torch.cat([out for out, _ in rows], 1),
        torch.cat([targets for _, targets in rows]),
        subject.samples,
        per_sample=all(batch.mask is None for batch in batches) and outputs[0].ndim == 3,
        collate=subject.collate,
    )
    for section in wanted:
        yield section.gather(answers)  # type: ignore[misc]


def _rows(outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Outputs `[T, N, ...]` and targets `[N]`, a row for each sample or position that counts."""
    targets = classes_of(batch)
    if targets.ndim < 2:
        return outputs, targets
    keep = torch.ones_like(targets, dtype=torch.bool) if batch.mask is None else batch.mask.bool()
    return outputs[:, keep], targets[keep]


def _costs(layers: list[LayerOperations], timesteps: int) -> dict[str, Any]:
    """What every layer computes and costs, and the whole network in every model of energy."""
    rows = [
        {
            "path": layer.path,
            "spiking": layer.spiking,
            "rate": layer.rate,
            "count": layer.accumulations if layer.spiking else layer.multiplications,
            "pj": energy_pj(layer.multiplications, layer.accumulations),
        }
        for layer in layers
    ]
    totals = {model: asdict(both) for model, both in energies(layers, timesteps).items()}
    return {"operations": rows, "totals": totals}


def _cheaper(subject: Subject) -> list[list[float]]:
    """Some numbers of steps below T, and the picojoules of each."""
    below = subject.timesteps - 1
    fewer = torch.linspace(1, below, min(below, FEWER)).round().long().tolist()
    fewer = [steps for steps in fewer if steps_allowed(subject.network, steps)]
    some = replace(subject, samples=spread(subject.samples, EARLY))
    return [[steps, some.cost_after(steps)["energy_pj"]] for steps in fewer]


@dataclass
class _Layers:
    """The layers of neurons, subject one value at a time so that none is kept."""

    subject: Subject
    firing: dict[str, FiringMaps] = field(default_factory=dict)
    potentials: dict[str, MembraneHistogram] = field(default_factory=dict)
    last_map: str | None = None
    """The last layer of maps that is not too small: where activation maps are taken."""

    def __post_init__(self) -> None:
        self.hooks: list[torch.utils.hooks.RemovableHandle] = []
        self.seen = 0
        self.mask: Tensor | None = None
        self.taps: Mapping[str, str] = {}
        if self.subject.spiking:
            inputs = mapped(lambda value: value[0], next(self.subject.batches())[0])
            self.taps = usable_taps(self.subject.network, inputs, self.subject.timesteps)

    @contextmanager
    def listening(self) -> Iterator[None]:
        self.hooks = [
            self.subject.network.get_submodule(path).register_forward_hook(
                lambda _m, _i, value, name=name: self._hear(name, value)
            )
            for name, path in self.taps.items()
            if name.startswith("spikes") or name.removeprefix("membrane").isdigit()
        ]
        try:
            yield
        finally:
            for hook in self.hooks:
                hook.remove()

    def next_batch(self, size: int) -> None:
        self.seen += size

    def _hear(self, name: str, value: Tensor) -> None:
        value = _without_padding(value.unflatten(0, (self.subject.timesteps, -1)), self.mask)
        if name.startswith("spikes"):
            self.firing.setdefault(name, FiringMaps()).update(value)
            self.last_map = _later(self.last_map, name, value)
        elif self.seen < HISTOGRAMMED:
            self.potentials.setdefault(name, self._histogram(name)).update(value)

    def _histogram(self, name: str) -> MembraneHistogram:
        reach = 2.0 * (self._threshold(name) or 1.0)
        return MembraneHistogram(bins=40, low=-reach, high=reach)

    def _threshold(self, name: str) -> float | None:
        path = self.taps[name].removesuffix(".membrane")
        found = getattr(self.subject.network.get_submodule(path), "v_threshold", None)
        return float(found) if isinstance(found, int | float) and found > 0 else None

    def found(self) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
        facts, arrays = [], {}
        for name, maps in self.firing.items():
            assert maps.counts is not None
            membrane = name.replace("spikes", "membrane")
            histogram = self.potentials.get(membrane)
            facts.append(
                {
                    "tap": name,
                    "path": self.taps[name],
                    "shape": list(maps.counts.shape[1:]),
                    "over_time": maps.over_time.tolist(),
                    "threshold": self._threshold(name),
                    "range": histogram and [histogram.low, histogram.high],
                    **asdict(extremes(maps.counts, maps.samples)),
                }
            )
            if maps.counts.dim() == 4:
                arrays[f"places {name}"] = maps.places.numpy().astype(np.float16)
            if histogram is not None:
                arrays[f"membrane {name}"] = histogram.shares.numpy().astype(np.float32)
        return facts, arrays


def _without_padding(value: Tensor, mask: Tensor | None) -> Tensor:
    """Values `[T, B, L, ...]` as `[T, P, ...]`, a row for each position that counts."""
    if mask is None or value.ndim < 3 or value.shape[1:3] != mask.shape:
        return value
    return value[:, mask.bool()]


def examples(labels: Tensor, most: int = EXAMPLES) -> list[int]:
    """The first image of each class, then the first of the others; in the order of the data.

    Example:
        >>> examples(torch.tensor([3, 3, 1, 1, 1]), 3)
        [0, 1, 2]
    """
    seen: set[int] = set()
    first = [i for i, label in enumerate(labels.tolist())
             if label not in seen and not seen.add(label)]  # fmt: skip
    others = [i for i in range(len(labels)) if i not in set(first)]
    return sorted((first + others)[:most])


def _later(before: str | None, name: str, value: Tensor) -> str | None:
    """The later one of two layers, if its values `[T, B, ...]` are maps of enough places."""
    maps = value.dim() == 5 and value.shape[-1] * value.shape[-2] >= PLACES
    return name if maps else before


def _maps(
    subject: Subject, batches: Sequence[Batch], layer: str | None
) -> tuple[dict[str, Any] | None, dict[str, np.ndarray]]:
    """Where the network looks in a few images: SAM of a spiking network, Grad-CAM of another."""
    pictures = isinstance(batches[0].inputs, Tensor) and batches[0].inputs.ndim in (4, 5)
    labels = [classes_of(batch) for batch in batches if isinstance(batch.targets, Tensor)]
    if not pictures or len(labels) < len(batches) or labels[0].ndim != 1:
        return None, {}
    chosen = torch.tensor(examples(torch.cat(labels)))
    images = images_at(subject.samples, chosen, subject.collate)
    inputs = subject.encoded(images)
    assert isinstance(inputs, Tensor)
    tap = layer if subject.spiking else _last_stage(subject, inputs)
    if tap is None or (subject.spiking and subject.timesteps == 1):
        return None, {}
    outputs, taps = _run(subject, inputs, [tap])
    if subject.spiking:
        maps = shown_maps(spike_activation_map(taps[tap]))
    else:
        maps = grad_cam(subject.network, inputs, tap, subject.timesteps)
        maps = shown_maps(maps) if subject.timesteps > 1 else from_0_to_1(maps)
    facts = {
        "kind": "spike activation" if subject.spiking else "Grad-CAM",
        "tap": tap,
        "labels": torch.cat(labels)[chosen].tolist(),
        "answers": outputs.mean(0).argmax(-1).tolist(),
    }
    return facts, {"examples": pixels_of(images), "maps": maps.cpu().numpy().astype(np.float16)}


def _run(
    subject: Subject, inputs: Tensor, names: Sequence[str]
) -> tuple[Tensor, dict[str, Tensor]]:
    tapped = Tapped(subject.network, names)
    try:
        with torch.no_grad(), evaluation(subject.network):
            outputs, taps = tapped(inputs, subject.timesteps)
            return first(outputs), taps
    finally:
        tapped.close()


def _last_stage(subject: Subject, inputs: Tensor) -> str | None:
    """The last stage whose maps are not too small; an activation where there are no stages."""
    declared = usable_taps(subject.network, inputs[0], subject.timesteps)
    stages = [name for name in declared if name.startswith("stage") and name[5:].isdigit()]
    names = stages or [name for name in declared if name.startswith("activation")]
    found: str | None = None
    for name, value in _run(subject, inputs, names)[1].items():
        found = _later(found, name, value)
    return found
