"""Whole networks: one blueprint of ours, filled with the neurons of every library.

All variants of a case share architecture, neuron equation and, where asked, weights. Each runs
over time the way its library documents: ours and SpikingJelly's (`step_mode="m"`) fold T into the
batch; snnTorch and Norse loop over the whole network, one step at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from _bench import Step, device_type
from _peers import Peers, norse_cell, snntorch_node, spikingjelly_node
from torch import Tensor, nn

from spikedistill.core.over_time import OverTime
from spikedistill.functional.compiled import compiling
from spikedistill.functional.recall import fired_again
from spikedistill.neurons.lif import LIF
from spikedistill.training.recompute import Recomputed

ANN = "ANN on T x B images"
OURS, EAGER = "spikedistill", "spikedistill, eager"
CHECKPOINT = "spikedistill, checkpoint: stage"
JELLY, JELLY_BF16 = "SpikingJelly, fp32 NCHW (its default)", "SpikingJelly, bf16 channels_last"
SNNTORCH, NORSE = "snnTorch, bf16 channels_last", "Norse, bf16 channels_last"
Blueprint = Callable[..., nn.Module]
"""A network of ours from its activation."""


@dataclass(frozen=True)
class Variant:
    """A way of building and running a blueprint over T steps."""

    build: Callable[[Blueprint, int], nn.Module]
    """(blueprint, T) -> a module from images `[B, C, H, W]` to logits `[B, K]`."""
    bf16: bool = True
    """bf16 autocast and channels_last; else float32 and NCHW."""
    around: Callable[[], AbstractContextManager[Any]] = nullcontext
    """What forward and backward run inside of."""
    keeping: Callable[[], AbstractContextManager[Any]] = nullcontext
    """What the forward of a training step runs inside of, besides."""
    images: Callable[[int], int] = lambda T: 1
    """How many images stand for one: T for an ANN that has to do the work of T steps."""

    def running(self) -> ExitStack:
        """The context of a forward."""
        stack = ExitStack()
        stack.enter_context(self.around())
        if self.bf16:
            stack.enter_context(torch.autocast(device_type(), torch.bfloat16))
        return stack

    def placed(self, value: Any) -> Any:
        """A network or images in the memory format of the variant."""
        if not self.bf16:
            return value
        if isinstance(value, nn.Module):
            return value.to(memory_format=torch.channels_last)
        return value.contiguous(memory_format=torch.channels_last)


def variants(peers: Peers | None) -> dict[str, Variant]:
    """The ANN, ours, and those of the other libraries if they are here."""
    own = {
        ANN: Variant(lambda blueprint, T: blueprint(nn.ReLU), images=lambda T: T),
        OURS: Variant(_ours, around=lambda: compiling(True), keeping=fired_again),
        EAGER: Variant(_ours, around=lambda: compiling(False)),
    }
    if peers is None:
        return own
    jelly = _Jelly(peers)
    return own | {
        JELLY_BF16: Variant(jelly.network),
        JELLY: Variant(jelly.network, bf16=False),
        SNNTORCH: Variant(lambda blueprint, T: _snntorch(peers, blueprint, T)),
        NORSE: Variant(lambda blueprint, T: _norse(peers, blueprint, T)),
    }


def _ours(blueprint: Blueprint, T: int) -> nn.Module:
    return OverTime(blueprint(LIF(surrogate="atan")), T)


class _Recomputing(OverTime):
    """Ours with the option `checkpoint: stage`."""

    def __init__(self, network: nn.Module, T: int) -> None:
        super().__init__(network, T)
        self.recomputed = Recomputed(network, "student")

    def forward(self, images: Tensor) -> Tensor:
        with self.recomputed.during():
            return super().forward(images)


def checkpointed() -> Variant:
    """Ours, the blocks of the stages computed again in the backward pass."""
    return Variant(lambda blueprint, T: _Recomputing(blueprint(LIF(surrogate="atan")), T))


@dataclass(frozen=True)
class _Jelly:
    peers: Peers

    def network(self, blueprint: Blueprint, T: int) -> nn.Module:
        """All layers exchanged for SpikingJelly's layers of the same name, multi-step."""
        network = blueprint(lambda: spikingjelly_node(self.peers))
        for module in network.modules():
            theirs = getattr(self.peers.spikingjelly.layer, type(module).__name__, None)
            if theirs is not None and type(module).__module__.startswith("torch.nn"):
                module.__class__ = theirs  # a subclass that folds time; weights and names stay
                module.step_mode = "m"
        return _MultiStep(network, T, self.peers.spikingjelly.functional.reset_net)


class _MultiStep(nn.Module):
    """All steps at once, `[T, B, ...]`, from images repeated T times."""

    def __init__(self, network: nn.Module, T: int, reset: Callable[[nn.Module], None]) -> None:
        super().__init__()
        self.network, self.T, self.reset = network, T, reset

    def forward(self, images: Tensor) -> Tensor:
        self.reset(self.network)
        nhwc = images.is_contiguous(memory_format=torch.channels_last)
        memory = torch.channels_last if nhwc else torch.contiguous_format
        many = images.repeat(self.T, 1, 1, 1).contiguous(memory_format=memory)
        return self.network(many.unflatten(0, (self.T, -1))).mean(0)


class _Looped(nn.Module):
    """One step after another through the whole network."""

    def __init__(self, network: nn.Module, T: int, reset: Callable[[nn.Module], None]) -> None:
        super().__init__()
        self.network, self.T, self.reset = network, T, reset

    def forward(self, images: Tensor) -> Tensor:
        self.reset(self.network)
        return torch.stack([self.network(images) for _ in range(self.T)]).mean(0)


def _snntorch(peers: Peers, blueprint: Blueprint, T: int) -> nn.Module:
    def reset(network: nn.Module) -> None:
        for module in network.modules():
            if isinstance(module, peers.snntorch.Leaky):
                module.reset_mem()

    return _Looped(blueprint(lambda: snntorch_node(peers)), T, reset)


class NorseNode(nn.Module):
    """A Norse cell with its state between the steps of one forward."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell, self.state = cell, None

    def forward(self, current: Tensor) -> Tensor:
        """The spikes of one step."""
        spikes, self.state = self.cell(current, self.state)
        return spikes


def _norse(peers: Peers, blueprint: Blueprint, T: int) -> nn.Module:
    def reset(network: nn.Module) -> None:
        for module in network.modules():
            if isinstance(module, NorseNode):
                module.state = None

    return _Looped(blueprint(lambda: NorseNode(norse_cell(peers))), T, reset)


@dataclass(frozen=True)
class Case:
    """A variant of a network with the images that it runs on."""

    variant: Variant
    module: nn.Module
    images: Tensor
    targets: Tensor

    def train(self) -> None:
        """One training step without the optimiser: forward, cross-entropy, backward."""
        self.module.zero_grad(set_to_none=True)
        with self.variant.running(), self.variant.keeping():
            logits = self.module(self.images)
        with self.variant.around():
            F.cross_entropy(logits.float(), self.targets).backward()

    @torch.inference_mode()
    def infer(self) -> Tensor:
        """The logits of one batch."""
        with self.variant.running():
            return self.module(self.images)


def case(variant: Variant, blueprint: Blueprint, T: int, B: int, side: int) -> Case:
    """A variant with random weights and B random images of `side` x `side` (T * B for the ANN)."""
    torch.manual_seed(0)
    module = variant.placed(variant.build(blueprint, T))
    count = B * variant.images(T)
    images = variant.placed(torch.rand(count, 3, side, side))
    return Case(variant, module, images, torch.randint(0, 10, (count,)))


@torch.no_grad()
def settle(made: Case) -> None:
    """Evaluation mode, with the statistics of 8 images in the norms, so that the neurons fire."""
    torch.manual_seed(1)
    images = made.variant.placed(torch.rand(8, *made.images.shape[1:]))
    for module in made.module.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
        if isinstance(module, nn.Linear):  # else a hidden layer without a norm is silent
            module.weight *= 8
    with made.variant.running():
        made.module(images)
    made.module.eval()


def trainings(
    which: dict[str, Variant], blueprint: Blueprint, T: int, B: int, side: int
) -> dict[str, Step]:
    """A training step of each variant."""
    return {name: case(variant, blueprint, T, B, side).train for name, variant in which.items()}


def logit_gaps(
    which: dict[str, Variant], blueprint: Blueprint, T: int, B: int, side: int
) -> dict[str, float]:
    """Whether all do the same work: the largest gap between a variant's logits and ours.

    In NCHW and evaluation mode, with the same weights, and neurons that fire. In float64, where
    no rounding moves a spike; in float32 where a library knows no other state.
    """
    made = case(replace(which[OURS], bf16=False), blueprint, T, B, side)
    settle(made)
    ours, images = made.module, made.images
    with torch.no_grad(), compiling(False):
        assert ours(images).std(0).min() > 0, "dead networks would all agree"
        gaps = {}
        for name, variant in which.items():
            if name in (ANN, OURS, EAGER):
                continue
            other = variant.build(blueprint, T).eval()
            missing = other.load_state_dict(ours.state_dict(), strict=False).missing_keys
            learned = dict(other.named_parameters())
            assert not [key for key in missing if key in learned], missing
            for dtype in (torch.float64, torch.float32):
                try:
                    theirs, wanted = other.to(dtype)(images.to(dtype)), ours.to(dtype)
                except RuntimeError:  # a state that stays float32
                    continue
                gaps[name] = (theirs - wanted(images.to(dtype))).abs().max().item()
                break
    return gaps
