"""Folding norms into the convolution or linear layer beside them."""

from __future__ import annotations

import copy
from collections import Counter

from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.instancenorm import _InstanceNorm

from spikedistill.export.channels import PerChannel, per_channel
from spikedistill.export.follow import called, replaced

_PLAIN = (nn.Conv1d.forward, nn.Conv2d.forward, nn.Conv3d.forward, nn.Linear.forward)
_LIVE = (nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm, nn.RMSNorm, _InstanceNorm)
"""Norms that compute their statistics from each input."""


def fold(graph: fx.GraphModule) -> list[str]:
    """Fold every norm of a graph into the layer before it, or else after it, in place.

    A norm goes into the convolution or linear layer before it if that is called once and nobody
    else reads its output; this is always exact. It goes into the convolution after it if the
    borders allow: where a convolution pads with zeros, the zeros stand behind the norm, so only
    the gain moves and the offset stays before the convolution. That is done for the input
    normalisation, whose division it saves; a batch norm stays whole, since nothing is gained.

    Returns:
        A sentence for each norm, or part of one, that stays, with its place.
    """
    notes: list[str] = []
    for node in list(graph.graph.nodes):
        module = called(graph, node)
        if module is None:
            continue
        if isinstance(module, _LIVE):
            notes.append(
                f"{node.target} ({type(module).__name__}) stays: it computes its statistics from "
                "each input"
            )
        if not isinstance(module, PerChannel | _BatchNorm):
            continue
        affine = per_channel(module)
        reason = _no_constant(module) if affine is None else _into_former(graph, node, affine)
        if reason and affine is not None:
            reason = _into_next(graph, node, module, affine, reason)
        if reason:
            how = "stays in part" if reason.startswith("its division") else "stays"
            notes.append(f"{node.target} ({_kind(module)}) {how}: {reason}")
    graph.delete_all_unused_submodules()
    graph.graph.lint()
    graph.recompile()
    return notes


def _kind(module: nn.Module) -> str:
    if not isinstance(module, PerChannel):
        return type(module).__name__
    return "scale of the threshold" if module.offset is None else "input normalisation"


def _no_constant(module: nn.Module) -> str:
    if getattr(module, "running_mean", None) is None:
        return "it has no running statistics and looks at each batch, in evaluation too"
    return "its class has a forward of its own"


def _into_former(graph: fx.GraphModule, node: fx.Node, affine: tuple[Tensor, Tensor]) -> str:
    """Fold into the layer before; the reason if it cannot be done, else nothing."""
    former = node.args[0]
    assert isinstance(former, fx.Node)
    layer = called(graph, former)
    if not isinstance(layer, _ConvNd | nn.Linear):
        return f"before it comes {place(graph, former)}, not a convolution or linear layer"
    reason = _not_plain(layer) or _called_often(graph, former)
    if not reason and len(former.users) > 1:
        reason = "its output is also used elsewhere"
    if not reason and isinstance(layer, nn.Linear) and len(former.meta.get("shape", ())) != 2:
        reason = "its output is not known to be [N, C]; give `deploy` an example batch"
    if reason:
        return f"{former.target} before it cannot take it in: {reason}"
    gain, offset = affine
    weight = layer.weight.double()
    bias = 0.0 if layer.bias is None else layer.bias.double()
    _set(graph, former, weight * gain.view(-1, *[1] * (weight.dim() - 1)), gain * bias + offset)
    replaced(graph, node)
    return ""


def _into_next(
    graph: fx.GraphModule,
    node: fx.Node,
    norm: nn.Module,
    affine: tuple[Tensor, Tensor],
    reason: str,
) -> str:
    """Fold into the convolution after; why something stays, else nothing."""
    following = next(iter(node.users))
    layer = called(graph, following)
    alone = len(node.users) == 1 and not _called_often(graph, following)
    gain, offset = affine
    channels = isinstance(layer, _ConvNd) and len(gain) == layer.in_channels
    if not (channels and alone) or _not_plain(layer) or bool((gain == 0).any()):
        return reason
    assert isinstance(layer, _ConvNd)
    borders = layer.padding_mode == "zeros" and layer.padding != "valid" and _pads(layer)
    if borders and not isinstance(norm, PerChannel):
        return f"{reason}, and {following.target} after it pads with zeros after the norm"
    _, per_group, *kernel = layer.weight.shape
    groups = layer.groups
    spread = (groups, 1, per_group, *[1] * len(kernel))
    weight = layer.weight.double().unflatten(0, (groups, -1))
    scaled = (weight * gain.view(spread)).flatten(0, 1)
    bias = 0.0 if layer.bias is None else layer.bias.double()
    if borders:
        kept = PerChannel(None, (offset / gain).to(layer.weight.dtype))
        graph.add_submodule(str(node.target), kept)
        _set(graph, following, scaled, None)
        return (
            f"its division went into {following.target}, and the subtraction of the mean stays "
            "before it, because that convolution pads with zeros, which are not the mean"
        )
    shift = (weight * offset.view(spread)).flatten(0, 1).flatten(1).sum(1)
    _set(graph, following, scaled, bias + shift)
    replaced(graph, node)
    return ""


def _pads(layer: _ConvNd) -> bool:
    padding = (layer.padding,) if isinstance(layer.padding, str) else layer.padding
    return any(pad != 0 for pad in padding)


def _not_plain(layer: nn.Module | None) -> str:
    if isinstance(layer, _ConvTransposeNd):
        return "transposed convolutions are not folded"
    if layer is None or type(layer).forward not in _PLAIN:
        return "its class has a forward of its own"
    return "a hook changes its call" if layer._forward_pre_hooks else ""


def _called_often(graph: fx.GraphModule, node: fx.Node) -> str:
    counts = Counter(id(called(graph, other)) for other in graph.graph.nodes)
    times = counts[id(called(graph, node))]
    return f"it is called {times} times" if times > 1 else ""


def _set(graph: fx.GraphModule, node: fx.Node, weight: Tensor, bias: Tensor | None) -> None:
    """Give a layer another weight, and another bias unless that is None."""
    layer = copy.copy(called(graph, node))
    assert isinstance(layer, _ConvNd | nn.Linear)
    layer._parameters = dict(layer._parameters)
    old = layer.weight
    layer.weight = nn.Parameter(weight.to(old.dtype), requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias.to(old.dtype), requires_grad=False)
    graph.add_submodule(str(node.target), layer)


def place(graph: fx.GraphModule, node: fx.Node) -> str:
    """What a value is, in words: for sentences about who feeds whom."""
    if node.op == "placeholder":
        return "the input"
    if node.op == "call_module":
        return f"{node.target} ({type(called(graph, node)).__name__})"
    if node.op == "call_method":
        return f"the method {node.target}"
    name = getattr(node.target, "__name__", str(node.target)).strip("_")
    return "an addition" if name in ("add", "iadd") else f"the function {name}"


def looks_at_batch(module: nn.Module) -> bool:
    """Whether what a layer returns for one image depends on the others of its batch."""
    return isinstance(module, _BatchNorm) and module.running_mean is None
