"""One run of a network on an example, before anything depends on it: what fails is named."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.evaluation import evaluation
from spikedistill.core.layout import (
    breaks_down,
    is_about_layout,
    keep_contiguous,
    needs_contiguous,
    weights_as_trained,
)
from spikedistill.core.over_time import run_folded
from spikedistill.core.tree import Inputs, leaves, mapped
from spikedistill.functional.compiled import compiling

VOLUMES = (
    "samples of 4 axes are frames [T, C, H, W]; give volumes as [C * D, H, W], and let the forward "
    "begin with x.unflatten(1, (C, D))"
)
"""The remedy where a network for volumes `[C, D, H, W]` meets the data."""


def dry_run(
    network: nn.Module,
    inputs: Inputs,
    timesteps: int = 1,
    afresh: Callable[[], object] = lambda: None,
    look: Callable[[Any], object] = lambda _: None,
) -> tuple[Inputs, Any]:
    """Run a network on an example, in evaluation mode and without gradient.

    A network that does not take images in channels_last memory is found out here (`core.layout`).

    Args:
        network: any network.
        inputs: a raw batch of one step `[B, ...]`, or several by name.
        timesteps: T.
        afresh: called where the network is run a second time, for whoever watches it.
        look: gets what its forward returned, before the answer is taken from it.

    Returns:
        Its outputs `[T, B, ...]`, and what its forward returned.

    Raises:
        SpikedistillError: if it fails; the message names the layer at which, and what reached it.
            Or if no hook of torch can watch it.
    """
    returned: list[Any] = []
    watched: list[object] = []

    def keep(output: Any) -> None:
        returned.append(output)
        look(output)

    one = mapped(lambda value: value.unsqueeze(0), inputs)
    if breaks_down(network):
        keep_contiguous(network)
    scripted = isinstance(network, torch.jit.ScriptModule)  # they take no hooks
    hooks = [] if scripted else [network.register_forward_hook(lambda *_: watched.append(None))]
    try:
        with torch.no_grad(), evaluation(network), compiling(False):
            try:
                with weights_as_trained(network), located(network, inputs):
                    outputs = run_folded(network, one, timesteps, look=keep)
            except SpikedistillError as error:
                if not is_about_layout(error.__cause__) or needs_contiguous(network):
                    raise
                keep_contiguous(network)
                afresh()
                with located(network, inputs):
                    outputs = run_folded(network, one, timesteps, look=keep)
    finally:
        for hook in hooks:
            hook.remove()
    if hooks and not watched:
        raise SpikedistillError(
            f"{type(network).__name__} has a __call__ of its own that passes by torch's hooks, "
            "through which a network is watched; do the same in its forward, and leave __call__ out"
        )
    return outputs, returned[-1]


@contextmanager
def located(network: nn.Module, inputs: Inputs) -> Generator[None, None, None]:
    """Turn what torch says of a network that fails into a sentence that names the layer.

    Raises:
        SpikedistillError: instead of any other error inside of the network's forward.
    """
    running: list[tuple[str, nn.Module, tuple[Any, ...]]] = []

    def enter(path: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        return lambda module, given: running.append((path, module, given))

    def leave(_module: nn.Module, _given: object, _output: object) -> None:
        running.pop()

    hooks = [
        hook
        for path, module in network.named_modules()
        if not isinstance(module, torch.jit.ScriptModule)  # they take no hooks
        for hook in (
            module.register_forward_pre_hook(enter(path)),
            module.register_forward_hook(leave),
        )
    ]
    try:
        yield
    except (SpikedistillError, KeyboardInterrupt):
        raise
    except Exception as error:  # a forward of a stranger's raises whatever it stumbles over
        raise SpikedistillError(_sentence(network, inputs, running, error)) from error
    finally:
        for hook in hooks:
            hook.remove()


def _sentence(
    network: nn.Module,
    inputs: Inputs,
    running: list[tuple[str, nn.Module, tuple[Any, ...]]],
    error: Exception,
) -> str:
    given = ", ".join(str(list(value.shape)) for value in leaves(inputs))
    begins = f"{type(network).__name__} does not take the data, {given}"
    if not running:
        return f"{begins}: {_first_line(error)}"
    path, layer, reached = running[-1]
    first = next((value for value in reached if isinstance(value, Tensor)), None)
    where = f"its layer {path!r} ({_kind(layer)})" if path else f"its forward ({_kind(layer)})"
    if first is None:
        return f"{begins}: {where} fails: {_first_line(error)}"
    what = _mismatch(layer, first)
    if what:
        return f"{begins}: {where} {what}"
    return f"{begins}: {where} fails on {list(first.shape)} ({first.dtype}): {_first_line(error)}"


def _mismatch(layer: nn.Module, value: Tensor) -> str:
    """What a layer was made for and gets instead, and the remedy; empty where that is unclear."""
    if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d) and value.ndim > 1:
        axes = len(layer.kernel_size) + 2
        if value.ndim != axes:
            return (
                f"takes {axes} axes, [N, C, ...], and {list(value.shape)} reaches it; "
                f"{VOLUMES if axes == 5 else f'give samples with {axes - 1} axes'}"
            )
        if value.shape[1] != layer.in_channels:
            return (
                f"is made for {layer.in_channels} channels and gets {value.shape[1]}; give data "
                "with as many channels, or a network for these"
            )
    if isinstance(layer, nn.Linear) and value.ndim and value.shape[-1] != layer.in_features:
        return (
            f"is made for {layer.in_features} features and gets {value.shape[-1]}; give samples of "
            "the size that the network was made for"
        )
    return ""


def _kind(layer: nn.Module) -> str:
    own = layer.extra_repr() if not any(True for _ in layer.children()) else ""
    return f"{type(layer).__name__}({own})" if own else type(layer).__name__


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    if lines and "TorchScript" in lines[0]:  # it ends with what it is about
        return f"{type(error).__name__}: {lines[-1]}"
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
