"""Grad-CAM over time: where a layer speaks for a class, the companion of spike activation maps.

Selvaraju et al., "Grad-CAM", ICCV 2017; over time as in Kim and Panda, Scientific Reports 2021.

**Formula** (`A[t, c]` maps of a layer, `z_y` the answer for class y: the mean of the logits over
time)::

    a_c = mean over (t, i, j) of d z_y / d A[t, c, i, j]
    G[t] = relu( sum_c a_c A[t, c] )

**Shapes** a tap that is `[T, B, C, H, W]` (T = 1 for an ANN); result `[T, B, H, W]`.

**Differences from the paper** None known for T = 1. In a spiking network the gradient is that of
the surrogates, which blurs it.

**Example**

>>> from torch import nn
>>> network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 10))
>>> grad_cam(network, torch.rand(1, 2, 1, 6, 6), "activation1").shape
torch.Size([1, 2, 4, 4])
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.core.evaluation import evaluation
from spikedistill.core.over_time import first_layers, run_folded
from spikedistill.core.reference import Reference
from spikedistill.taps import declared_taps

REFERENCE = Reference(
    key="selvaraju2017gradcam",
    title="Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
    authors=("Ramprasaath R. Selvaraju", "others"),
    venue="ICCV",
    year=2017,
    link="https://arxiv.org/abs/1610.02391",
    kind="conference",
)


def grad_cam(
    network: nn.Module,
    inputs: Shaped[Tensor, "S B *rest"],
    tap: str,
    timesteps: int = 1,
    classes: Int[Tensor, "B"] | None = None,
) -> Float[Tensor, "steps B H W"]:
    """The map of every step and sample, for one class each; in evaluation mode.

    Args:
        network: takes `[T * B, ...]`, returns `[T * B, K]`.
        inputs: one step for all (`S = 1`) or one per time step.
        tap: whose maps are weighted.
        timesteps: T.
        classes: whose map is wanted, per sample; None: the class that the network answers.

    Raises:
        SpikedistillError: if the tap is not declared, is no map, or the answer does not depend on
            it by a gradient.
    """
    declared = declared_taps(network)
    if tap not in declared:
        raise SpikedistillError(f"the network declares no tap {tap!r}; {suggest(tap, declared)}")
    first, seen = first_layers(network), list[Tensor]()

    def leaf(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        seen.append(output.detach().requires_grad_())
        return seen[-1]

    hook = network.get_submodule(declared[tap]).register_forward_hook(leaf)
    try:
        with torch.enable_grad(), evaluation(network):
            answers = run_folded(network, inputs, timesteps, first).mean(0)
    finally:
        hook.remove()
    if classes is None:
        classes = answers.argmax(-1)
    chosen = answers.gather(1, classes.unsqueeze(1)).sum()
    maps = _only(tap, seen)
    gradient = _gradient(tap, chosen, maps)
    size = inputs.shape[1]
    weights = gradient.unflatten(0, (-1, size)).mean((0, 3, 4))
    return torch.einsum("bc,tbchw->tbhw", weights, maps.detach().unflatten(0, (-1, size))).relu()


def _only(tap: str, seen: list[Tensor]) -> Tensor:
    if len(seen) != 1 or seen[0].dim() != 4:
        what = f"has the shape {tuple(seen[0].shape)}" if len(seen) == 1 else "does not run once"
        raise SpikedistillError(
            f"Grad-CAM weighs maps [N, C, H, W], and the tap {tap!r} {what}; take a stage, or the "
            "activation behind a convolution"
        )
    return seen[0]


def _gradient(tap: str, chosen: Tensor, maps: Tensor) -> Tensor:
    found = None
    if chosen.requires_grad:
        (found,) = torch.autograd.grad(chosen, maps, allow_unused=True)
    if found is None:
        raise SpikedistillError(
            f"no gradient leads from the answer back to the tap {tap!r}; take a tap on the way to "
            "the outputs"
        )
    return found
