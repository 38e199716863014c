"""What a spiking chip computes anyway: sums, weights, norms that fold, pooling, other shapes.

These are lists of what is known to be harmless. Whatever is not on them counts as unknown, so an
operation that nobody thought of is named rather than forgotten.
"""

from __future__ import annotations

import dataclasses
import types
from typing import Any

from torch import Tensor, fx, nn
from torch.fx.node import map_arg
from torch.nn.modules import batchnorm, conv, dropout, instancenorm, padding, pooling

from spikedistill.core.own_graph import argument, name_of

_MODULES: tuple[type[nn.Module], ...] = (
    conv._ConvNd,
    dropout._DropoutNd,
    pooling._MaxPoolNd,
    pooling._MaxUnpoolNd,
    pooling._AvgPoolNd,
    pooling._AdaptiveAvgPoolNd,
    pooling._AdaptiveMaxPoolNd,
    nn.FractionalMaxPool2d,
    nn.FractionalMaxPool3d,
    padding._ConstantPadNd,
    padding._ReflectionPadNd,
    padding._ReplicationPadNd,
    padding._CircularPadNd,
    nn.Linear,
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
    nn.Upsample,
    nn.PixelShuffle,
    nn.PixelUnshuffle,
    nn.ChannelShuffle,
    nn.Unfold,
    nn.Fold,
    nn.Embedding,
    nn.EmbeddingBag,
)

_NO_VALUES = set(
    "size dim ndimension numel nelement shape ndim dtype device layout requires_grad is_cuda "
    "is_floating_point is_complex is_contiguous stride zeros_like ones_like full_like empty_like "
    "rand_like randn_like new_zeros new_ones new_full new_empty new_tensor get_device len".split()
)
"""Questions about a tensor, and tensors made in its shape: none of its values is in the answer."""

_LINEAR = set(
    # sums
    "add sub subtract rsub neg negative pos positive mean sum cumsum diff trace nanmean nansum "
    # other places and other shapes
    "cat concat concatenate stack hstack vstack dstack split split_with_sizes chunk tensor_split "
    "unbind getitem index index_select select narrow gather take take_along_dim view reshape "
    "flatten unflatten ravel permute transpose swapaxes swapdims movedim moveaxis t squeeze "
    "unsqueeze expand expand_as view_as reshape_as broadcast_to repeat repeat_interleave tile flip "
    "fliplr flipud roll rot90 tril triu diagonal diag unfold fold as_strided pixel_shuffle "
    "pixel_unshuffle channel_shuffle native_channel_shuffle pad atleast_1d atleast_2d atleast_3d "
    # the same numbers
    "contiguous clone detach to type type_as float half double bfloat16 cpu cuda requires_grad "
    "data real identity "
    # pooling; the largest of some spikes is a spike
    "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
    "max_pool1d max_pool2d max_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d "
    "fractional_max_pool2d fractional_max_pool3d max_unpool1d max_unpool2d max_unpool3d amax "
    "interpolate upsample upsample_nearest upsample_bilinear "
    # masks and noise that no activation decides
    "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout stochastic_depth "
    # look-ups of tokens
    "embedding embedding_bag one_hot".split()
)
_PRODUCTS = set(
    "mul multiply matmul mm bmm mv dot inner outer tensordot einsum kron linear bilinear addmm "
    "addbmm baddbmm addmv addr conv1d conv2d conv3d conv_transpose1d conv_transpose2d "
    "conv_transpose3d grid_sample".split()
)
"""Linear where but one of what is multiplied comes from the input."""
_QUOTIENTS = set("div divide true_divide truediv".split())
_ATTRIBUTES = {"T", "mT", "H", "mH", "data", "real"}
_ELSEWHERE = {"stochastic_depth": "torchvision."}
"""Functions that are not torch's, and whose they are."""
_BUILTIN = ("torch", "_operator", "builtins", "math")


def harmless_module(module: nn.Module) -> bool:
    """Whether a module of torch without parts only computes what is known; see this file."""
    if isinstance(module, batchnorm._NormBase):
        kept = isinstance(module, batchnorm._BatchNorm | instancenorm._InstanceNorm)
        return kept and module.running_mean is not None
    return isinstance(module, _MODULES)


def values(graph: fx.Graph) -> set[fx.Node]:
    """The nodes of a graph that depend on the values of its input, and not only on its shape."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        asks = _attribute(node) if name_of(node) == "getattr" else name_of(node)
        if node.op == "placeholder" or (
            asks not in _NO_VALUES and any(parent in found for parent in node.all_input_nodes)
        ):
            found.add(node)
    return found


def unknown(node: fx.Node, moving: set[fx.Node]) -> bool:
    """Whether a function or method computes what is not known to be harmless.

    Args:
        node: of a graph.
        moving: the `values` of the graph; what does not depend on them is a constant.
    """
    if node.op not in ("call_function", "call_method") or node not in moving:
        return False
    name = name_of(node)
    if _holds(node.target):
        return False
    if not _of_torch(node.target, name):
        return True
    inputs = [parent for parent in _operands(node) if parent in moving]
    if name in _PRODUCTS:
        added = argument(node, 0, "input") if name.startswith("add") else None
        return len(inputs) - (added in moving) > 1
    if name in _QUOTIENTS:
        return argument(node, 1, "other") in moving or node.kwargs.get("rounding_mode") is not None
    if name == "getattr":
        return _attribute(node) not in _ATTRIBUTES
    if name in ("where", "masked_fill", "lerp", "index_fill", "masked_select"):
        steering = {"where": (0, "condition"), "lerp": (2, "weight")}.get(name, (1, "mask"))
        return argument(node, *steering) in moving
    if name in ("batch_norm", "instance_norm"):
        return argument(node, 1, "running_mean") is None or len(inputs) > 1
    if name == "max":
        return isinstance(argument(node, 1, "other"), fx.Node) or len(inputs) > 1
    return name not in _LINEAR


def _holds(target: Any) -> bool:
    """Whether a class only puts names to what it is given: a named tuple, a dataclass, a dict."""
    if not isinstance(target, type):
        return False
    named = issubclass(target, tuple) and hasattr(target, "_fields")
    return named or dataclasses.is_dataclass(target) or issubclass(target, dict)


def _operands(node: fx.Node) -> list[fx.Node]:
    """What a node reads, as often as it reads it: x * x is a product of two values."""
    found: list[fx.Node] = []

    def note(given: fx.Node) -> fx.Node:
        found.append(given)
        return given

    map_arg((node.args, node.kwargs), note)
    return found


def _of_torch(target: Any, name: str) -> bool:
    """Whether a function is one of torch or Python, and so does what its name says."""
    module = getattr(target, "__module__", None) or "torch"
    if isinstance(target, str | types.MethodDescriptorType) or target is Tensor:
        return True
    return module.startswith(_BUILTIN) or module.startswith(_ELSEWHERE.get(name, _BUILTIN))


def _attribute(node: fx.Node) -> str:
    return str(node.args[1])
