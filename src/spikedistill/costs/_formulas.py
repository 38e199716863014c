"""How many products each of torch's functions computes, from the shapes of what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode


class Found(NamedTuple):
    """What one call computes."""

    macs: int
    operands: tuple[Tensor, Tensor]
    real: bool = False
    """Whether what it multiplies is real whatever arrives: weights of attention, hidden states."""


Args = Sequence[Any]
Formula = Callable[[Args, Mapping[str, Any], Tensor], Found]


def formula(function: Callable[..., Any]) -> Formula | None:
    """How to count a function or method of torch; None where it computes no sums of products."""
    return _FORMULAS.get(getattr(function, "__name__", "").strip("_"))


def measured(function: Callable[..., Any], args: Args, given: Mapping[str, Any]) -> tuple[Any, int]:
    """What a function returns, and its multiply-adds as the operations that torch makes of it."""
    with FlopCounterMode(display=False) as flops:
        output = function(*args, **given)
    return output, flops.get_total_flops() // 2


def is_measured(function: Callable[..., Any]) -> bool:
    """Whether a function must be `measured`, as no formula says what it computes."""
    return getattr(function, "__name__", "") in _MEASURED


def tensors(*values: Any) -> list[Tensor]:
    """All tensors among some arguments, those in lists too."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += tensors(*value)
        elif isinstance(value, Mapping):
            found += tensors(*value.values())
    return found


def _get(args: Args, given: Mapping[str, Any], place: int, *names: str) -> Any:
    named = next((given[name] for name in names if name in given), None)
    return args[place] if len(args) > place else named


def _conv(args: Args, given: Mapping[str, Any], output: Tensor) -> Found:
    x, weight = _get(args, given, 0, "input"), _get(args, given, 1, "weight")
    return Found(output.numel() * weight[0].numel(), (x, weight))


def _conv_transpose(args: Args, given: Mapping[str, Any], output: Tensor) -> Found:
    x, weight = _get(args, given, 0, "input"), _get(args, given, 1, "weight")
    return Found(x.numel() * weight[0].numel(), (x, weight))


def _matmul(args: Args, given: Mapping[str, Any], output: Tensor) -> Found:
    x = _get(args, given, 0, "input", "self")
    return Found(output.numel() * x.shape[-1], (x, _get(args, given, 1, "other", "mat2", "weight",
                                                        "vec", "tensor")))  # fmt: skip


def _swapped(args: Args, given: Mapping[str, Any], output: Tensor) -> Found:
    return _matmul((args[1], args[0]), given, output)


def _added(args: Args, given: Mapping[str, Any], output: Tensor) -> Found:
    x = _get(args, given, 1, "mat1", "batch1", "mat")
    return _matmul((x, _get(args, given, 2, "mat2", "batch2", "vec")), {}, output)


def _added_up(args: Args, given: Mapping[str, Any], output: Tensor) -> Found:
    x, y = _get(args, given, 1, "batch1"), _get(args, given, 2, "batch2")
    return Found(x.numel() * y.shape[-1], (x, y))


def _bilinear(args: Args, given: Mapping[str, Any], output: Tensor) -> Found:
    x, y, weight = (_get(args, given, n, k) for n, k in enumerate(("input1", "input2", "weight")))
    return Found(output.numel() * weight[0].numel(), (x, y), real=True)


def _attention(args: Args, given: Mapping[str, Any], output: Tensor) -> Found:
    query, key, value = (_get(args, given, n, k) for n, k in enumerate(("query", "key", "value")))
    width = query.shape[-1] + value.shape[-1]
    return Found(output.numel() // value.shape[-1] * key.shape[-2] * width, (query, key), real=True)


def _multi_head(args: Args, given: Mapping[str, Any], output: Tensor) -> Found:
    """Three projections, scores and sums of all heads, and the projection of the result."""
    query, key, value = (_get(args, given, n, k) for n, k in enumerate(("query", "key", "value")))
    width, rows = query.shape[-1], query.numel() // query.shape[-1]
    macs = (2 * query.numel() + key.numel() + value.numel()) * width
    return Found(macs + 2 * rows * key.shape[0] * width, (query, key), real=True)


def _recurrent(args: Args, given: Mapping[str, Any], output: Tensor) -> Found:
    """Every matrix of weights meets every token."""
    weights = [one for one in args if isinstance(one, list | tuple) and len(tensors(one)) > 1][-1]
    return _tokens(args[0], [one for one in tensors(weights) if one.ndim == 2])


def _cell(args: Args, given: Mapping[str, Any], output: Tensor) -> Found:
    return _tokens(args[0], [args[2], args[3]])


def _tokens(x: Tensor, weights: Sequence[Tensor]) -> Found:
    rows = x.numel() // x.shape[-1]
    return Found(rows * sum(one.numel() for one in weights), (x, weights[0]), real=True)


def _nothing(args: Args, given: Mapping[str, Any], output: Tensor) -> Found:
    """Functions that are measured instead."""
    operands = tensors(*args, given)
    return Found(0, (operands[0], operands[-1]))


_MEASURED = {"einsum", "tensordot", "chain_matmul", "linalg_multi_dot", "multi_dot"}
_FORMULAS: dict[str, Formula] = {
    **{f"conv{n}d": _conv for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _conv_transpose for n in (1, 2, 3)},
    **dict.fromkeys(("linear", "matmul", "imatmul", "mm", "bmm", "mv", "dot", "inner"), _matmul),
    "rmatmul": _swapped,
    **dict.fromkeys(("addmm", "baddbmm", "addmv"), _added),
    "addbmm": _added_up,
    "bilinear": _bilinear,
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head,
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
    **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), _cell),
    **dict.fromkeys(_MEASURED, _nothing),
}
WHOLE = (torch.nn.MultiheadAttention, torch.nn.RNNBase, torch.nn.RNNCellBase, torch.nn.Bilinear)
"""Modules that are known by their own name rather than by that of the function that they call."""
