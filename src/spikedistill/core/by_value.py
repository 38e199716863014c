"""What a function of activations is, judged by what it returns and not by its name."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import unset_fake_temporarily

Verdict = Literal["rectifier", "quantiser", "steps", "other"]
"""`rectifier`: max(x, 0), or that up to a ceiling. `quantiser`: 0 where x is negative, and rising
in steps from there. `steps`: elementwise and constant between jumps. `other`: none of these."""

_STEP = 1e-5
_JUMPS = 0.1
"""Of two values that differ by `_STEP` of themselves, a function of steps tells few apart."""
_CLOSE = 1e-5
_LARGEST = 4_000_000
"""Numbers in the largest tensor on which a function is tried."""


def judge(function: Callable[[Tensor], object], sizes: Sequence[Tensor] = ()) -> Verdict:
    """Say what a function of one tensor is, from its values on grids of several shapes.

    Args:
        function: is called on the CPU with float32 tensors, which it may overwrite.
        sizes: its parameters and buffers, of which it may want an input of their size.

    Returns:
        What it is on every shape that it takes; "other" where it takes none, is not elementwise,
        or is one thing on one shape and another on another.
    """
    found: set[Verdict] = set()
    # the generator is shared with the training that may go on, and values are needed
    with torch.random.fork_rng(devices=[]), unset_fake_temporarily(), torch.no_grad():
        torch.manual_seed(0)
        with torch.device("cpu"):
            for shape in _shapes(sizes):
                curves = _curves(function, shape)
                if curves is not None:
                    found.add(_kind(*curves))
    return found.pop() if len(found) == 1 else "other"


def judge_module(module: nn.Module) -> Verdict:
    """The same of a module of one input, in evaluation mode; the module is left as it is."""
    try:
        with unset_fake_temporarily():
            judged = copy.deepcopy(module).to("cpu", torch.float32).eval()
    except Exception:  # a module that cannot be copied raises whatever it holds
        return "other"
    for part in judged.modules():
        part._forward_hooks.clear()
        part._forward_pre_hooks.clear()
    return judge(judged, [*judged.parameters(), *judged.buffers()])


def _shapes(sizes: Sequence[Tensor]) -> list[tuple[int, ...]]:
    """Shapes of an input but for its first axis: maps, features, tokens; those of parameters."""
    channels = {3, *(size for value in sizes for size in value.shape if size > 1)}
    shapes = [s for c in sorted(channels) for s in ((c, 2, 2), (c,), (5, c))]
    for value in sizes:
        shapes += [tuple(value.shape), tuple(value.shape[1:])]
    return [shape for shape in dict.fromkeys(shapes) if shape]


def _grid() -> Tensor:
    """Numbers on both sides of 0, dense where activations lie, in ascending order."""
    far = torch.cat(
        [torch.logspace(-3, 0, 31), torch.linspace(1, 4, 100), torch.logspace(1, 3, 60)]
    )
    near = torch.linspace(0.013, 4, 240)
    one_side = torch.cat([far, near])
    return torch.cat([-one_side, torch.zeros(1), one_side]).unique()


def _curves(
    function: Callable[[Tensor], object], shape: tuple[int, ...]
) -> tuple[Tensor, Tensor, Tensor] | None:
    """The grid `[K]` and the values `[K, P]` of each place there and a little further.

    None where the function does not take the shape; values of NaN where it is not elementwise.
    """
    grid = _grid()
    places = torch.Size(shape).numel()
    if len(grid) * places > _LARGEST:
        return None
    whole = grid.view(-1, *[1] * len(shape)).expand(-1, *shape)
    # others beside it at every place: what looks at neighbours or at the batch gives itself away
    order = torch.stack([torch.randperm(len(grid)) for _ in range(places)], 1)[: len(grid) // 3]
    mixed = grid[order].view(-1, *shape)
    outputs = [_try(function, x) for x in (whole, whole + _STEP * (whole.abs() + 0.1), mixed)]
    if any(output is None for output in outputs):
        return None
    values, further, shuffled = (y.flatten(1) for y in outputs if y is not None)
    if not torch.allclose(values.gather(0, order), shuffled, rtol=_CLOSE, atol=_CLOSE):
        values = torch.full_like(values, torch.nan)
    return grid, values, further


def _try(function: Callable[[Tensor], object], x: Tensor) -> Tensor | None:
    try:
        y = function(x.clone(memory_format=torch.contiguous_format))
    except Exception:  # a function on a shape that is not its own raises whatever it stumbles over
        return None
    same = isinstance(y, Tensor) and y.shape == x.shape and y.dtype == x.dtype
    return y.clone() if same and isinstance(y, Tensor) else None


def _kind(grid: Tensor, values: Tensor, further: Tensor) -> Verdict:
    if not bool(values.isfinite().all()):
        return "other"
    ceiling = values.amax(0)
    rectified = grid.clamp(min=0)[:, None].minimum(ceiling)
    if bool((ceiling > 0.05).all()) and torch.allclose(values, rectified, rtol=_CLOSE, atol=_CLOSE):
        return "rectifier"
    if not all(_in_steps(values, further)):
        return "other"
    silent = bool((values[grid < 0].abs() <= _CLOSE).all())
    rises = bool((values.diff(dim=0) >= -_CLOSE).all()) and bool((ceiling > 0).all())
    return "quantiser" if silent and rises else "steps"


def _in_steps(values: Tensor, further: Tensor) -> Iterator[bool]:
    """Whether it hardly ever changes between two values close by, and does change somewhere."""
    lowest, highest = values.amin(0), values.amax(0)
    yield bool((highest > lowest).all())
    between = (values > lowest) & (values < highest)
    moved = between & ((values - further).abs() > 1e-12)
    yield int(moved.sum()) <= _JUMPS * int(between.sum()) + 2 * values.shape[1]
