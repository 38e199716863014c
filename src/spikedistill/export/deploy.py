"""A trained network made ready to answer: folded, without training parts, optionally int8."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, fx, nn

from spikedistill.core.clock import Temporal
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.evaluation import evaluation
from spikedistill.core.over_time import OverTime
from spikedistill.costs.early_exit import check_threshold
from spikedistill.export.binary import Watch, integers
from spikedistill.export.fold import fold, looks_at_batch
from spikedistill.export.follow import Shapes, called, follow, untold
from spikedistill.export.stem import Kinds, Repeat, share_stem
from spikedistill.export.stepwise import EarlyExit, run_until_sure
from spikedistill.functional.compiled import compiling
from spikedistill.neurons import Neuron
from spikedistill.taps import Tapped

Weights = Literal["float", "bfloat16", "int8"]
_CHECKED = 2
"""Images of the example on which the folded network is compared with the original."""


class Deployed(OverTime):
    """A network that only answers: images `[B, ...]` to logits `[B, K]`, no gradients.

    Made by `deploy`. Always in evaluation mode.
    """

    def __init__(
        self,
        graph: fx.GraphModule,
        timesteps: int,
        weights: Weights,
        notes: Sequence[str],
        first: tuple[Temporal, ...],
        kinds: Kinds,
    ) -> None:
        super().__init__(graph, timesteps)
        self.first, self.weights = first, weights
        self.notes = tuple(notes)
        """A sentence for everything that was not folded, not followed, or stays float."""
        self.figures: dict[str, Any] = {}
        """Size, speed and score beside the network it came from, where that was of a run folder."""
        self.file: Path | None = None
        """The ONNX file that was written with it."""
        self._kinds = kinds
        super().train(False)

    @property
    def graph(self) -> fx.GraphModule:
        """The network as a graph of layers."""
        assert isinstance(self.network, fx.GraphModule)
        return self.network

    def train(self, mode: bool = True) -> Deployed:
        """Stays in evaluation mode: what training needs is gone."""
        return self

    def over_time(
        self, inputs: Shaped[Tensor, "S B *rest"], timesteps: int | None = None
    ) -> Float[Tensor, "T B *outputs"]:
        """Outputs of every step, `[T, B, K]` in float32, from one step of inputs for all or T."""
        with torch.no_grad(), self._precision(inputs):
            outputs = super().over_time(inputs, timesteps)
        return outputs.float() if outputs.dtype is torch.bfloat16 else outputs

    def early_exit(self, images: Shaped[Tensor, "B *rest"], threshold: float) -> EarlyExit:
        """Answer each image as soon as it is sure.

        Steps run one at a time. An image leaves the batch when the largest softmax probability of
        the mean of its outputs so far exceeds `threshold`.

        Args:
            images: `[B, ...]`.
            threshold: in (0, 1]; at 1 every image takes all T steps.

        Raises:
            SpikedistillError: if the threshold is outside (0, 1], or the network cannot be run
                step by step or image by image.
        """
        check_threshold(threshold)
        self._check_stepwise()
        with torch.no_grad(), self._precision(images):
            return run_until_sure(self.graph, self._kinds, images, self.timesteps, threshold)

    def _precision(self, inputs: Tensor) -> torch.autocast:
        on = self.weights == "bfloat16"
        return torch.autocast(inputs.device.type, torch.bfloat16, enabled=on)

    def _check_stepwise(self) -> None:
        hidden = untold(self.graph)
        if hidden:
            raise SpikedistillError(
                f"an early exit needs every layer of neurons, but {hidden[0]} hides some: torch.fx "
                "could not follow its forward; call the network without early exit"
            )
        for path, module in self.graph.named_modules():
            if isinstance(module, Temporal) and not isinstance(module, Neuron | Repeat):
                raise SpikedistillError(
                    f"an early exit runs one step at a time, but {path} "
                    f"({type(module).__name__}) looks at all steps together; call the network "
                    "without early exit"
                )
            if looks_at_batch(module):
                raise SpikedistillError(
                    f"samples that leave a batch would change the answers of those that stay, "
                    f"because {path} ({type(module).__name__}) has no running statistics; train it "
                    "with track_running_stats=True, or call the network without early exit"
                )


def deploy(
    network: nn.Module,
    example: Shaped[Tensor, "B *rest"] | None = None,
    *,
    weights: Weights = "float",
    timesteps: int | None = None,
    int8_layers: Sequence[str] | None = None,
) -> Deployed:
    """A copy of a trained network that only answers.

    Norms are folded into the layers beside them, the input normalisation as far as the zero
    padding of the first convolution allows, the thresholds of a twin too; what comes before the
    first neurons is computed once, not T times; dropout, probes and hooks go. In exact arithmetic
    its answers are those of the network in evaluation mode. In float32 a rounding may move a
    potential across the threshold, so that a spike differs.

    Args:
        network: what `spikedistill.load` returns, or any network, own or foreign.
        example: a batch of raw images. With it, the result is compared with the network on two of
            them in float64, where a difference is a fault and not a rounding. Needed for int8.
        weights: "float" as trained; "bfloat16" for weights and sums (neurons keep float32);
            "int8" for the layers whose inputs are spikes: they add whole numbers. All others stay
            float, and `notes` names them.
        timesteps: T; default that of an `OverTime`, else 1.
        int8_layers: exactly these layers get int8 weights; default all that see only spikes.

    Returns:
        The deployed network; its `notes` say what stayed as it was and why.

    Raises:
        SpikedistillError: if the options contradict each other, an int8 layer gets real numbers,
            or the result would answer differently.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        >>> [type(layer).__name__ for layer in deploy(network).network.children()]
        ['Conv2d', 'ReLU']
    """
    _check(network, weights, example, int8_layers)
    inner, steps = _inside(network, timesteps)
    graph, notes = follow(inner)
    if example is not None:
        with torch.no_grad(), compiling(False):
            Shapes(graph).run(example[:_CHECKED])
    notes += fold(graph)
    first, kinds = share_stem(graph)
    graph.requires_grad_(False)
    result = Deployed(graph, steps, weights, notes, first, kinds)
    if example is not None:
        more = _compare(OverTime(inner, steps), result, example[:_CHECKED])
        result.notes = (*result.notes, *more)
    if weights == "int8":
        assert example is not None
        more = integers(graph, _watch(result, example), int8_layers)
        result.notes = (*result.notes, *more)
    if weights == "bfloat16":
        _halve(graph)
    _channels_last(graph)
    return result


def _check(
    network: nn.Module,
    weights: str,
    example: Tensor | None,
    int8_layers: Sequence[str] | None,
) -> None:
    if weights not in ("float", "bfloat16", "int8"):
        raise SpikedistillError(f"weights are 'float', 'bfloat16' or 'int8', not {weights!r}")
    if isinstance(network, Deployed):
        raise SpikedistillError("this network is deployed already; deploy the one it came from")
    if int8_layers is not None and weights != "int8":
        raise SpikedistillError(
            f"int8_layers names layers for weights='int8', but weights is {weights!r}"
        )
    if weights == "int8" and example is None:
        raise SpikedistillError(
            "int8 weights need an example batch of inputs, which shows the layers that see only "
            "spikes; pass `example`"
        )


def _inside(network: nn.Module, timesteps: int | None) -> tuple[nn.Module, int]:
    """The network inside its wrappers, and T."""
    steps = 1
    while isinstance(network, OverTime | Tapped):
        if isinstance(network, OverTime):
            steps = network.timesteps
        network = network.network
    return network, steps if timesteps is None else timesteps


def _compare(before: OverTime, after: Deployed, images: Tensor) -> list[str]:
    """Refuse a result that answers differently in float64, where spikes do not flip by rounding.

    Returns:
        A sentence where this could not be done.
    """
    expected, found = copy.deepcopy(before).double(), copy.deepcopy(after).double()
    expected.first = ()
    for module in expected.modules():
        module._forward_hooks.clear()
    images = images.double() if images.is_floating_point() else images
    with torch.no_grad(), compiling(False), evaluation(expected):
        try:
            wanted, got = expected(images), found(images)
        except (RuntimeError, TypeError) as error:
            said = str(error).strip().splitlines()[0]
            return [f"not compared with the original, which does not run in float64 ({said})"]
    worst = float((wanted - got).abs().max())
    if not worst <= 1e-6 * (1 + float(wanted.abs().max())):
        raise SpikedistillError(
            f"deployed, {type(before.network).__name__} would answer differently: in float64 its "
            f"logits differ by {worst:.2g}, of at most {float(wanted.abs().max()):.2g}. Its "
            "forward probably asks for values that torch.fx cannot see; call it undeployed"
        )
    return []


def _watch(deployed: Deployed, example: Tensor) -> dict[str, bool]:
    """Which layers see only 0 and 1 in a run over all steps."""
    with compiling(False), Watch(deployed.graph) as watch:
        deployed(example)
    return watch.binary


def _halve(graph: fx.GraphModule) -> None:
    """The weights of convolutions and linear layers in bfloat16."""
    for node in graph.graph.nodes:
        module = called(graph, node)
        if isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
            module.to(torch.bfloat16)


def _channels_last(graph: fx.GraphModule) -> None:
    for parameter in graph.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
