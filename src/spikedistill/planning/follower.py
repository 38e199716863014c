"""Every operation of a computation, with its multiply-adds and its bytes, written down as it runs.

Meant for tensors that hold nothing (`torch._subclasses.FakeTensorMode`): then following a step
takes no time and no memory, whatever its size.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import TreeSpec, tree_flatten, tree_leaves, tree_unflatten

from spikedistill.functional import compiled
from spikedistill.functional.loop import Loop
from spikedistill.functional.recall import can_fire_again

Kind = Literal["multiply", "norm", "neuron", "pass", "free"]
"""`multiply`: convolutions and matrix products; `norm`: batch norms; `neuron`: compiled loops over
time; `free`: views, which move nothing; `pass`: all else, which reads and writes memory."""

GRADIENTS = "gradients"
"""The section of what is handed over to the parameters in the backward pass."""


@dataclass(frozen=True)
class Like:
    """What a tensor looks like."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    @classmethod
    def of(cls, tensor: Tensor) -> Like:
        """The look of a tensor."""
        return cls(tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype)

    @property
    def extent(self) -> int:
        """Elements of memory from the first to the last; fewer than there are where it expands."""
        if 0 in self.shape:
            return 0
        pairs = zip(self.shape, self.stride, strict=True)
        return 1 + sum((size - 1) * stride for size, stride in pairs)

    def made(self, device: torch.device) -> Tensor:
        """A tensor of this look: numbers between 0 and 1, or zeros where it holds integers."""
        memory = torch.zeros(self.extent, dtype=self.dtype, device=device)
        if self.dtype.is_floating_point:
            memory.uniform_()
        return memory.as_strided(self.shape, self.stride)


@dataclass(frozen=True)
class Call:
    """A call with tensors replaced by their looks: what can be made again and timed."""

    function: Callable[..., Any]
    leaves: tuple[Any, ...]
    form: TreeSpec
    kind: Kind
    pointwise: bool = False
    """Whether each element of the result comes from one place of its inputs."""

    @classmethod
    def of(
        cls, function: Callable[..., Any], given: Any, kind: Kind, pointwise: bool = False
    ) -> Call:
        """The call of a function with `given = (arguments, keywords)`."""
        leaves, form = tree_flatten(given)
        looks = (Like.of(leaf) if isinstance(leaf, Tensor) else leaf for leaf in leaves)
        return cls(function, tuple(looks), form, kind, pointwise)

    def given(self, device: torch.device) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Arguments and keywords with real tensors."""
        made = [leaf.made(device) if isinstance(leaf, Like) else leaf for leaf in self.leaves]
        return tree_unflatten(made, self.form)


@dataclass(frozen=True)
class Operation:
    """One operation: whose it is, what it takes, and how to do it again."""

    section: str
    backward: bool
    macs: int
    """Multiply-adds; 0 for all but convolutions and matrix products."""
    bytes: int
    """Bytes that it has to read and write at least."""
    call: Call


class Follower(TorchDispatchMode):
    """Writes down every operation while it is entered.

    `section` says whose the operations of the forward pass are; those of the backward pass belong
    to the section whose forward pass made their node of the graph.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations: Counter[Operation] = Counter()
        self._sections: list[tuple[int, str]] = []
        self._silent, self._times = False, 1
        self.enter_section("other")

    def enter_section(self, name: str) -> str:
        """From now on the forward pass belongs to `name`; returns the section before."""
        before = self._sections[-1][1] if self._sections else name
        self._sections.append((torch.autograd._get_sequence_nr(), name))
        return before

    @property
    def section(self) -> str:
        """The section of the forward pass."""
        return self._sections[-1][1]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and write it down.

        Whether two tensors are equal is asked of spikes (may they wait as bytes?): yes, then.
        """
        if func._schema.name == "aten::equal":
            return True
        result = func(*args, **(kwargs or {}))
        if func._schema.name == "aten::native_batch_norm":
            result = _true_statistics(args, result)
        made = any(isinstance(leaf, Tensor) for leaf in tree_leaves(result))
        if made and not self._silent:  # a question (which device, which dtype) makes none
            section, backward = self.place()
            name = func._schema.name.removeprefix("aten::")
            kind = kind_of(func, name)
            pointwise = torch.Tag.pointwise in func.tags
            self.operations[
                Operation(
                    section,
                    backward,
                    multiply_adds(name, args, result),
                    0 if kind == "free" else bytes_moved(name, args, kwargs, result),
                    Call.of(func, (args, kwargs or {}), kind, pointwise),
                )
            ] += self._times
        return result

    def place(self) -> tuple[str, bool]:
        """The section of what runs now, and whether the backward pass runs it.

        There it is the section whose forward pass made the node, by the number it was given.
        """
        node = torch._C._current_autograd_node()
        if node is None:
            return self.section, False
        if node.name().endswith("AccumulateGrad"):
            return GRADIENTS, True
        place = bisect_right(self._sections, node._sequence_nr(), key=lambda pair: pair[0]) - 1
        return self._sections[max(place, 0)][1], True

    @contextmanager
    def loops_as_compiled(self) -> Generator[None, None, None]:
        """Count a neuron's loop as its compiled form: each tensor is read or written once.

        Tensors without values are never compiled, and followed eagerly each operation of each step
        would seem to go through memory. Hence the exchange of `functional.compiled.call`.
        """
        before = compiled.call

        def call(function: compiled.Pure, *inputs: Tensor) -> tuple[Tensor, ...]:
            results: tuple[Tensor, ...] = _Loop.apply(self, function, *inputs)  # type: ignore[assignment]
            again = Call.of(replay_forward, ((function, *inputs), {}), "neuron")
            looks = [Like.of(result) for result in results]
            can_fire_again(results[0], lambda: self._again(again, looks))
            return results

        compiled.call = call
        try:
            yield
        finally:
            compiled.call = before

    @contextmanager
    def silent(self) -> Generator[None, None, None]:
        """Nothing is written down."""
        before, self._silent = self._silent, True
        try:
            yield
        finally:
            self._silent = before

    def _again(self, call: Call, looks: Sequence[Like]) -> Tensor:
        """Write down a loop that the backward pass runs again, for its first result."""
        self.loop(call, looks)
        with self.silent():
            return looks[0].made(torch.device("cpu"))

    def loop(self, call: Call, results: Sequence[Any]) -> None:
        """Write down one direction of a loop over time."""
        section, backward = self.place()
        moved = nbytes(call.leaves) + nbytes(results)
        self.operations[Operation(section, backward, 0, moved, call)] += self._times

    @contextmanager
    def repeat(self, times: int) -> Generator[None, None, None]:
        """What runs inside is written down as if it ran so often."""
        before, self._times = self._times, self._times * times
        try:
            yield
        finally:
            self._times = before


class _Loop(torch.autograd.Function):
    """A loop over time of which only the traffic is of interest; it keeps its inputs alone."""

    @staticmethod
    def forward(ctx: Any, follower: Follower, function: Any, *inputs: Tensor) -> Any:
        ctx.follower, ctx.function = follower, function
        ctx.save_for_backward(*inputs)
        with follower.silent():
            results = _results(function, *inputs)
        given = ((function, *inputs), {})
        follower.loop(Call.of(replay_forward, given, "neuron"), results)
        return results

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        inputs, wanted = ctx.saved_tensors, ctx.needs_input_grad[2:]
        with ctx.follower.silent():
            found = [
                torch.empty_like(x) if want else None
                for x, want in zip(inputs, wanted, strict=True)
            ]
        given = ((ctx.function, wanted, gradients, inputs), {})
        ctx.follower.loop(Call.of(replay_backward, given, "neuron"), found)
        return None, None, *found


def _results(function: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
    """What a loop returns, of one step where that tells all: tensors of the right look."""
    if not isinstance(function, Loop) or function.seen:
        return function(*inputs)
    one = replace(function, timesteps=1)(inputs[0][:1], *inputs[1:])
    return tuple(x.new_empty((function.timesteps, *x.shape[1:])) for x in one)


def replay_forward(function: compiled.Pure, *inputs: Tensor) -> Any:
    """The forward pass of a loop, as training runs it."""
    return compiled.call(function, *inputs)


def replay_backward(
    function: compiled.Pure,
    wanted: Sequence[bool],
    gradients: Sequence[Tensor],
    inputs: Sequence[Tensor],
) -> Callable[[], Any]:
    """Run the forward pass of a loop; what is returned runs its backward pass."""
    with torch.enable_grad():
        given = [x.detach().requires_grad_(want) for x, want in zip(inputs, wanted, strict=True)]
        results = compiled.call(function, *given)
        pairs = [(y, g) for y, g in zip(results, gradients, strict=True) if y.requires_grad]
    outs, grads = [y for y, _ in pairs], [g for _, g in pairs]
    sought = [x for x in given if x.requires_grad]
    return lambda: torch.autograd.grad(outs, sought, grads, retain_graph=True)


def _true_statistics(args: Sequence[Any], result: Any) -> Any:
    """Mean and deviation of a batch in the dtype of the running ones, as a CPU returns them.

    Tensors without values get those of the input instead (torch 2.13).
    """
    y, *saved = result
    like = args[3]
    return (y, *saved) if like is None else (y, *(x.to(like.dtype) for x in saved))


PRODUCTS = ("mm", "bmm", "addmm", "baddbmm")
UNMOVED = ("empty", "new_empty", "_unsafe_view", "lift_fresh")


def kind_of(func: Any, name: str) -> Kind:
    """What kind of operation this is, by its name and by whether its result is a view."""
    if "convolution" in name or name in PRODUCTS:
        return "multiply"
    if "batch_norm" in name:
        return "norm"
    views = [r.alias_info for r in func._schema.returns if r.alias_info is not None]
    if name.startswith(UNMOVED) or any(not alias.is_write for alias in views):
        return "free"
    return "pass"


def multiply_adds(name: str, args: Sequence[Any], result: Any) -> int:
    """Multiply-adds of one operation.

    A convolution uses each of its `C_in / groups * k * k` weights per output channel once per
    position, and so does each of its two gradients. `[m, k] @ [k, n]` takes `m k n`.
    """
    if name in PRODUCTS:
        left, right = args[-2:] if name in ("mm", "bmm") else args[1:3]
        return left.numel() * right.shape[-1]
    if name == "convolution":
        x, weight, transposed = args[0], args[1], args[6]
        return (x if transposed else result).numel() * weight[0].numel()
    if name == "convolution_backward":
        gradient, x, weight, transposed, wanted = *args[:3], args[7], args[10]
        return (x if transposed else gradient).numel() * weight[0].numel() * sum(wanted[:2])
    return 0


def bytes_moved(name: str, args: Sequence[Any], kwargs: Any, result: Any) -> int:
    """Bytes of all inputs and results; a norm in training reads its inputs twice.

    Once for the statistics (backward: the two sums over the batch), once for the values.
    """
    total = nbytes((args, kwargs)) + nbytes(result)
    if "batch_norm" in name:
        backward = "backward" in name
        again = args[:2] if backward else args[:1]
        training = args[7] if backward else args[5]
        total += nbytes(again) if training else 0
    return total


def nbytes(tensors: Any) -> int:
    """Bytes of all tensors (or looks) in a nest of containers; an expanded one is its memory."""
    looks = [leaf if isinstance(leaf, Like) else Like.of(leaf) for leaf in tree_leaves(tensors)
             if isinstance(leaf, (Tensor, Like))]  # fmt: skip
    return sum(min(_count(x.shape), x.extent) * x.dtype.itemsize for x in looks)


def _count(shape: Sequence[int]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product
