"""The spiking twin of any network: a copy in which every activation is a layer of neurons."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from spikedistill.conversion._given import check_network, known
from spikedistill.conversion._put import put
from spikedistill.core.clock import temporal_layers
from spikedistill.core.conversion import Conversion, Material
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.evaluation import evaluation
from spikedistill.core.expose import RECTIFIERS, Exposed, expose
from spikedistill.core.factory import Activation, Planned, fresh
from spikedistill.core.place import Place, supplied
from spikedistill.core.places import measured
from spikedistill.core.received import received
from spikedistill.core.tree import Inputs, call
from spikedistill.core.unwrapped import unwrapped

log = logging.getLogger("spikedistill")


class Balanced(nn.Module):
    """Neurons whose threshold belongs to the layer and is kept with the weights.

    The current is divided by `threshold / v_threshold`, which does to a neuron that rests at 0
    what a threshold of `threshold` would do. The neurons of all layers so stay alike, and one
    compiled loop serves them all.

    Args:
        neuron: a neuron with a `v_threshold`.
        threshold: the potential at which it fires, in units of the current.
    """

    threshold: Tensor

    def __init__(self, neuron: nn.Module, threshold: float) -> None:
        super().__init__()
        own = getattr(neuron, "v_threshold", None)
        if not isinstance(own, int | float):
            raise SpikedistillError(
                f"{type(neuron).__name__} has no fixed v_threshold, so no threshold can be "
                "set from activations; leave `thresholds` out"
            )
        self.neuron = neuron
        self.register_buffer("threshold", torch.tensor(float(threshold)))
        self.unit = float(own)

    def forward(self, current: Tensor) -> Tensor:
        """Spikes `[T * B, ...]` of a current `[T * B, ...]`."""
        return self.neuron(current * (self.unit / self.threshold))


def spiking_twin(
    network: nn.Module,
    neuron: Activation | Planned | str,
    *,
    weights: Literal["copied", "fresh"] = "copied",
    thresholds: Inputs | float | None = None,
    percentile: float = 99.0,
    activations: tuple[type[nn.Module], ...] = RECTIFIERS,
    example: Inputs | None = None,
    timesteps: int = 1,
) -> nn.Module:
    """A copy of a network whose activations are spiking neurons.

    Every *call* of an activation becomes a layer of neurons of its own: a module that is called
    once is replaced at its path; the second call of one module `relu` becomes `relu2` beside it; a
    function call such as `F.relu` becomes `neuron1`, `neuron2`, ... in the module whose forward
    makes it. All other paths, attributes and `taps` stay.

    Activations that a user wrote are judged by what they return on a grid of values. A ReLU or a
    clip (`x * (x > 0)`, `torch.maximum(x, zero)`) and a quantised clip (0 where x is negative,
    then rising in steps, as QCFS) are replaced whole: a module at its path, with its scale and
    other parameters; operations inside of a forward by `neuron1`, ... there. One that is none of
    these is left whole and named.

    Convolutions, norms and linear layers see time folded into the batch. What is left that a
    spiking chip would have to compute with real numbers is named in `twin.real_valued`, whatever
    it is: all that is not known to be linear, a reshape, pooling or a neuron (`core.known`). It is
    logged once. Where the forward of a module cannot be followed, the activation modules that it
    registers are replaced; it is named in `twin.untraced`, and in `twin.real_valued` as not known.
    Script modules are left as they are, and named likewise. Of a compiled network, or one in
    `DataParallel`, the twin is one of the network inside.

    Args:
        network: an ANN, trained or not; it is not changed.
        neuron: a neuron to copy, as `LIF(tau=2.0)`, something to call for a new one, or its name
            in the catalogue, as "lif".
        weights: "copied" from the network, or "fresh": every layer initialised anew as its class
            does it. Parameters of classes without `reset_parameters` stay copied, with a warning.
        thresholds: None: those of the neuron. A batch of raw inputs `[B, ...]`: each layer's
            threshold is the `percentile` of what the activation of the network returns for it
            (Rueckauer et al., Frontiers in Neuroscience 2017, section 2.2.1), kept in the state
            of the twin. Spikes stay 0 or 1: the scale that the next layer misses is restored by
            its norm as soon as the twin trains, and not before. Neurons that send spikes of a
            height (`ILIF`) are set so that the most they send is that percentile, and miss
            nothing. A number: that threshold everywhere, for a twin whose state is then loaded.
        percentile: of the activations, in (0, 100].
        activations: what to replace, as module classes; their functional forms count too.
        example: a raw batch of one step, for a neuron that must know its place (its channels).
        timesteps: T, for a neuron that must know it.

    Returns:
        The twin, with `twin.real_valued` and `twin.untraced`, tuples of sentences.

    Raises:
        SpikedistillError: if the network spikes already, has no activation to replace, is not made
            yet or cannot be copied, or the options contradict each other.

    Example:
        >>> from spikedistill.neurons.lif import LIF
        >>> ann = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> type(spiking_twin(ann, LIF(tau=2.0))[1]).__name__
        'LIF'
    """
    check_network(network)
    neuron = known(neuron)
    _check(network, weights, thresholds, percentile)
    twin = received(network)
    for module in twin.modules():
        module._forward_hooks.clear()  # whoever watches the network does not watch its twin
    found = expose(twin, activations)
    if not found.sites:
        raise SpikedistillError(_nothing_to_replace(unwrapped(network), found, activations))
    heights = _thresholds(twin, found.sites, thresholds, percentile)
    new = _neurons(twin, found.sites, neuron, example, timesteps)
    put(twin, {path: _balanced(one, heights[path]) if path in heights else one
               for path, one in new.items()})  # fmt: skip
    if weights == "fresh":
        _reset(twin)
    if not any(parameter.requires_grad for parameter in twin.parameters()):
        twin.requires_grad_(True)  # a teacher is often frozen as a whole, and its twin is to learn
    twin.real_valued, twin.untraced = found.real_valued, found.untraced  # type: ignore[assignment]
    _say(unwrapped(network), found)
    return twin


def _balanced(neuron: nn.Module, height: float) -> nn.Module:
    """A neuron for activations of this height: one that sends spikes of a height sets it itself."""
    reach = getattr(neuron, "reach", None)
    if not callable(reach):
        return Balanced(neuron, height)
    reach(height)
    return neuron


def _neurons(
    network: nn.Module,
    sites: Sequence[str],
    neuron: Activation | Planned,
    example: Inputs | None,
    timesteps: int,
) -> dict[str, nn.Module]:
    """Path of each site -> its layer of neurons."""
    if not isinstance(neuron, Planned):
        return {path: fresh(neuron) for path in sites}
    if example is None and supplied(neuron.make):
        raise SpikedistillError(
            f"{getattr(neuron.make, '__name__', 'the neuron')} must know its place "
            f"({', '.join(supplied(neuron.make))}); give spiking_twin an `example` batch"
        )
    if example is None or not supplied(neuron.make):
        return {path: neuron.at(Place(path, ())) for path in sites}
    return {path: neuron.at(place) for path, place in
            measured(network, sites, example, timesteps).items()}  # fmt: skip


def _check(
    network: nn.Module, weights: str, thresholds: Inputs | float | None, percentile: float
) -> None:
    neurons = temporal_layers(network)
    if neurons:
        path = next(path for path, module in network.named_modules() if module is neurons[0])
        raise SpikedistillError(
            f"{type(network).__name__} already has {len(neurons)} temporal layers (the first is "
            f"{path or 'the network itself'!r}); make the twin from the ANN, or use this network "
            "as it is"
        )
    if weights not in ("copied", "fresh"):
        raise SpikedistillError(f"the weights of a twin are 'copied' or 'fresh', not {weights!r}")
    if isinstance(thresholds, Tensor | Mapping) and weights == "fresh":
        raise SpikedistillError(
            "thresholds set from activations belong to the weights that made them; use "
            "weights='copied', or leave `thresholds` out"
        )
    if not 0 < percentile <= 100:
        raise SpikedistillError(f"percentile lies in (0, 100]; got {percentile}")


def _nothing_to_replace(
    network: nn.Module, found: Exposed, activations: tuple[type[nn.Module], ...]
) -> str:
    kinds = ", ".join(kind.__name__ for kind in activations)
    reasons = [f"no call of {kinds} was found"]
    if found.untraced:
        reasons.append(f"not followed: {_some(found.untraced)}")
    if found.real_valued:
        reasons.append(f"it computes {_some(found.real_valued)}")
    return (
        f"{type(network).__name__} has no activation that neurons could replace: "
        f"{'; '.join(reasons)}; name others with `activations`, as (nn.SiLU,), or give it nn.ReLU "
        "modules"
    )


def _thresholds(
    network: nn.Module, sites: Iterable[str], thresholds: Inputs | float | None, percentile: float
) -> dict[str, float]:
    """Path -> threshold, for the layers that get one."""
    if thresholds is None:
        return {}
    if not isinstance(thresholds, Tensor | Mapping):
        return dict.fromkeys(sites, float(thresholds))
    heights: dict[str, float] = {}

    def note(path: str, value: Tensor) -> None:
        values = value.detach().flatten().float()
        rank = max(1, round(percentile / 100 * len(values)))  # quantile() takes few values only
        heights[path] = float(values.kthvalue(rank).values)

    hooks = [
        network.get_submodule(path).register_forward_hook(
            lambda _module, _inputs, value, path=path: note(path, value)
        )
        for path in sites
    ]
    try:
        with torch.no_grad(), evaluation(network):
            call(network, thresholds)
    finally:
        for hook in hooks:
            hook.remove()
    silent = [path for path, height in heights.items() if height <= 0]
    if silent:
        log.warning(
            "%d activations are 0 at percentile %g (the first: %s); their layers keep threshold 1",
            len(silent), percentile, silent[0],
        )  # fmt: skip
    return {path: heights[path] if heights.get(path, 0) > 0 else 1.0 for path in sites}


def _reset(network: nn.Module) -> None:
    """Initialise every layer anew, as its own class does it."""
    kept: list[str] = []
    for path, module in network.named_modules():
        reset = getattr(module, "reset_parameters", None)
        if callable(reset):
            reset()
        else:
            kept += [
                f"{path}.{name}".lstrip(".") for name, _ in module.named_parameters(recurse=False)
            ]
    if kept:
        log.warning(
            "%d parameters have no way to be initialised anew and stay copied: %s",
            len(kept), _some(kept),
        )  # fmt: skip


def _say(network: nn.Module, found: Exposed) -> None:
    """Log what the twin has not made spiking."""
    name = type(network).__name__
    if found.real_valued:
        log.warning(
            "the spiking twin of %s still computes with real numbers in %d places: %s",
            name, len(found.real_valued), _some(found.real_valued),
        )  # fmt: skip
    if found.untraced:
        kinds = Counter(entry.split(" (", 1)[1].split(")", 1)[0] for entry in found.untraced)
        log.warning(
            "torch.fx could not follow %d modules of %s (%s), so activations that they call as "
            "functions were not replaced and one activation module means one neuron: %s",
            len(found.untraced), name, ", ".join(f"{n} {kind}" for kind, n in kinds.items()),
            _some(found.untraced),
        )  # fmt: skip


def _some(entries: Iterable[str], most: int = 3) -> str:
    """The first few entries of a list, and how many more there are."""
    entries = list(entries)
    more = f" and {len(entries) - most} more" if len(entries) > most else ""
    return "; ".join(entries[:most]) + more


class Twin(Conversion):
    """The source with a layer of neurons in the place of every activation call (`spiking_twin`).

    **Options:**
    - neuron: `lif`, `{lif: {tau: 2.0}}`, or another one.
    - weights: `copied` from the source, or `fresh`.
    - thresholds: a number, or `data`: the `percentile` of its activations on some inputs.
    - percentile: see there.
    """

    def __init__(
        self,
        neuron: Activation | Planned,
        weights: Literal["copied", "fresh"] = "copied",
        thresholds: Literal["data"] | float | None = None,
        percentile: float = 99.0,
    ) -> None:
        self.neuron, self.weights, self.percentile = neuron, weights, percentile
        self.thresholds = thresholds

    def __call__(self, material: Material) -> nn.Module:
        """The twin."""
        from_data = self.thresholds == "data"
        thresholds = (material.example if material.trained else 1.0) if from_data else (
            self.thresholds
        )  # fmt: skip
        return spiking_twin(
            material.source,
            self.neuron,
            weights=self.weights,
            thresholds=thresholds,  # type: ignore[arg-type]
            percentile=self.percentile,
            example=material.example,
            timesteps=material.timesteps,
        )
