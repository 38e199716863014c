"""A long look at one trained network: its answers, its spikes, what it costs and where it looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikedistill.analysis.subject import Subject
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.evaluation import evaluation
from spikedistill.costs.energy import energies, energy_pj
from spikedistill.costs.synops import LayerOperations, SynopsMeter
from spikedistill.data import Loader, Samples, length, pick, spread
from spikedistill.explain.dead_neurons import extremes
from spikedistill.explain.firing_maps import FiringMaps
from spikedistill.explain.grad_cam import grad_cam
from spikedistill.explain.membrane_histogram import MembraneHistogram
from spikedistill.explain.spike_activation_map import (
    from_0_to_1,
    shown_maps,
    spike_activation_map,
)
from spikedistill.report.examined import Examined
from spikedistill.report.frames import painted
from spikedistill.taps import Tapped, usable_taps

EXAMPLES, MISTAKES, HISTOGRAMMED, EARLY = 8, 12, 200, 200
"""Images: with maps; shown as mistakes; for membrane histograms; for the cost of fewer steps."""
FEWER = 7
"""Numbers of steps below T whose cost is measured."""
PLACES = 16
"""H * W that the maps of a layer need to show where something is; the last such layer is taken."""


def examine_network(subject: Subject) -> Examined:
    """Everything that a report shows of one network and that needs it alive.

    Raises:
        SpikedistillError: if there are no images, or the network diverged.
    """
    if not length(subject.images):
        raise SpikedistillError("there are no images to look at")
    layers = _Layers(subject)
    answers, labels = [], []
    meter = SynopsMeter(subject.network, subject.timesteps)
    with torch.no_grad(), evaluation(subject.network), meter:
        with layers.listening():
            for inputs, classes in subject.batches():
                outputs = subject.run(inputs)
                layers.next_batch(len(classes))
                answers.append(outputs.float().cpu())
                labels.append(classes.cpu())
    told, arrays = _answers(subject, torch.cat(answers, 1), torch.cat(labels))
    told |= _costs(meter.layers(), subject.timesteps)
    told["energy_at"] = [*_cheaper(subject), [subject.timesteps, told["totals"]["45nm"]["snn_pj"]]]
    layer_facts, layer_arrays = layers.found()
    map_facts, map_arrays = _maps(subject, torch.cat(labels), layers.last_map)
    facts = told | {"spiking": subject.spiking, "layers": layer_facts, "maps": map_facts}
    return Examined(facts, arrays | layer_arrays | map_arrays)


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


def _answers(
    subject: Subject, outputs: Tensor, labels: Tensor
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Accuracy, confusion and the wrong answers given with the most confidence."""
    steps = torch.arange(1, len(outputs) + 1).view(-1, 1, 1)
    so_far = outputs.double().cumsum(0) / steps
    chosen = so_far.argmax(-1)
    confidence, answer = so_far[-1].softmax(-1).max(-1)
    pairs, counts = torch.stack([labels, answer], 1).unique(dim=0, return_counts=True)
    wrong = (answer != labels).nonzero().flatten()
    worst = wrong[confidence[wrong].argsort(descending=True, stable=True)][:MISTAKES]
    facts = {
        "images": len(labels),
        "accuracy": (100 * (chosen == labels).double().mean(1)).tolist(),
        "confusion": torch.cat([pairs, counts.unsqueeze(1)], 1).tolist(),
        "mistakes": [
            {
                "true": int(labels[i]),
                "answered": int(answer[i]),
                "confidence": float(confidence[i]),
                "steps": chosen[:, i].tolist(),
            }
            for i in worst.tolist()
        ],
    }
    return facts, {"mistakes": _mistaken(subject.images, worst)}


def _mistaken(samples: Samples, index: Tensor) -> np.ndarray:
    """Bytes `[N, C, H, W]`; of event frames their mean."""
    if not len(index):
        return np.zeros((0, 1, 1, 1), np.uint8)
    pixels = _pixels(_inputs(samples, index))
    return pixels[:, -1] if pixels.ndim == 5 else pixels


def _inputs(samples: Samples, index: Tensor) -> Tensor:
    """Some images as networks get them: `[N, C, H, W]`, or event frames `[N, T, 2, H, W]`."""
    return next(Loader(pick(samples, index), len(index)).epoch(0)).inputs


def _pixels(images: Tensor) -> np.ndarray:
    """Bytes `[N, C, H, W]`; of frames one more, `[N, T + 1, C, H, W]`: their mean."""
    if images.dim() == 5 and images.shape[2] == 2:
        images = torch.stack([painted(frames) for frames in images.cpu()])
    elif images.dim() == 5:
        images = torch.cat([images, images.mean(1, keepdim=True)], 1)
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).cpu().contiguous().numpy()


def _cheaper(subject: Subject) -> list[list[float]]:
    """Some numbers of steps below T, and the picojoules of each."""
    below = subject.timesteps - 1
    fewer = torch.linspace(1, below, min(below, FEWER)).round().long().tolist()
    some = replace(subject, images=spread(subject.images, EARLY))
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
        self.taps: Mapping[str, str] = {}
        if self.subject.spiking:
            images = next(self.subject.batches())[0][0]
            self.taps = usable_taps(self.subject.network, images)

    @contextmanager
    def listening(self) -> Iterator[None]:
        self.hooks = [
            self.subject.network.get_submodule(path).register_forward_hook(
                lambda _m, _i, value, name=name: self._hear(name, value)
            )
            for name, path in self.taps.items()
            if name.startswith(("spikes", "membrane"))
        ]
        try:
            yield
        finally:
            for hook in self.hooks:
                hook.remove()

    def next_batch(self, size: int) -> None:
        self.seen += size

    def _hear(self, name: str, value: Tensor) -> None:
        value = value.unflatten(0, (self.subject.timesteps, -1))
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
    subject: Subject, labels: Tensor, layer: str | None
) -> tuple[dict[str, Any] | None, dict[str, np.ndarray]]:
    """Where the network looks in a few images: SAM of a spiking network, Grad-CAM of another."""
    chosen = torch.tensor(examples(labels))
    images = _inputs(subject.images, chosen)
    inputs = subject.encoded(images)
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
        "labels": labels[chosen].tolist(),
        "answers": outputs.mean(0).argmax(-1).tolist(),
    }
    return facts, {"examples": _pixels(images), "maps": maps.cpu().numpy().astype(np.float16)}


def _run(
    subject: Subject, inputs: Tensor, names: Sequence[str]
) -> tuple[Tensor, dict[str, Tensor]]:
    tapped = Tapped(subject.network, names)
    try:
        with torch.no_grad(), evaluation(subject.network):
            return tapped(inputs, subject.timesteps)
    finally:
        tapped.close()


def _last_stage(subject: Subject, inputs: Tensor) -> str | None:
    """The last stage whose maps are not too small; an activation where there are no stages."""
    declared = usable_taps(subject.network, inputs[0])
    stages = [name for name in declared if name.startswith("stage") and name[5:].isdigit()]
    names = stages or [name for name in declared if name.startswith("activation")]
    found: str | None = None
    for name, value in _run(subject, inputs, names)[1].items():
        found = _later(found, name, value)
    return found
