"""Pure functions of tensors, run by the compiler where that is possible.

A function that comes here keeps nothing of its forward pass but its inputs: its backward pass is
`torch.func.vjp` of the function itself, compiled as well. For a loop of elementwise operations
that is far less memory traffic than keeping what autograd would keep.

Where nothing can be compiled the same function runs eagerly, and one log line says why.
"""

from __future__ import annotations

import functools
import itertools
import logging
import os
import types
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from spikedistill.functional.emit import Unsupported, emit
from spikedistill.functional.native import CannotCompile, load
from spikedistill.functional.recall import can_fire_again

Tensors = tuple[Tensor, ...]

calls: Counter[str] = Counter()
"""How often a function ran `compiled` and `eager`, each forward and backward; for inspection."""

backend = "auto"
"""Our own loops and, for what they cannot do, inductor; or the name of a backend of dynamo."""

_log = logging.getLogger("spikedistill")
_switch = {"on": os.environ.get("SPIKEDISTILL_COMPILE", "1") != "0"}
_numbers = itertools.count()
_refused: set[object] = set()  # the kinds of functions that the compiler could not take


class Kind(NamedTuple):
    """What needs a compilation of its own."""

    device: str
    dtype: torch.dtype
    rows: tuple[int, ...]
    """The size of time and 1 for every other dimension; empty for a number."""


Signature = tuple[Kind, ...]


class Pure(Protocol):
    """A function of tensors without side effects, hashable, equal to those that do the same."""

    @property
    def kind(self) -> object:
        """What it has in common with its variants: if one cannot be compiled, none is tried."""
        ...

    def __call__(self, *inputs: Tensor) -> Tensors:
        """Its results."""
        ...


def set_compile(on: bool) -> None:
    """Compile the loops of neurons from now on, or not.

    On at the start, unless the environment says `SPIKEDISTILL_COMPILE=0`.
    """
    _switch["on"] = on


def compile_is_on() -> bool:
    """Whether loops are compiled."""
    return _switch["on"]


@contextmanager
def compiling(on: bool) -> Generator[None]:
    """Compile the loops of neurons inside this block, or not."""
    before = _switch["on"]
    set_compile(on)
    try:
        yield
    finally:
        set_compile(before)


def call(function: Pure, *inputs: Tensor) -> Tensors:
    """`function(*inputs)`, compiled where the compiler can take it, else eager.

    One compilation serves all sizes: only the first dimension (time) of an input with several is
    fixed.
    """
    if _can_compile(function, inputs):
        results = cast(Tensors, _Compiled.apply(function, *inputs))
        constants = tuple(x.detach() for x in inputs)
        can_fire_again(results[0], lambda: _forward(function, *constants)[0])
        return results
    return _eager(function, *inputs)


def without_autocast(tensor: Tensor) -> AbstractContextManager[Any]:
    """No autocast inside: a neuron has its own precision, and the compiler guards on autocast."""
    kind = tensor.device.type
    on = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    return torch.autocast(kind, enabled=False) if on else nullcontext()


def _can_compile(function: Pure, inputs: Tensors) -> bool:
    """Whether to try: the compiler sees neither transforms, nor modes, nor kinds of tensors."""
    return (
        _switch["on"]
        and not torch._C._are_functorch_transforms_active()
        and not is_in_torch_dispatch_mode()
        and inputs[0].shape[1:] != (1,)  # a size of 1 is never dynamic: it would compile once more
        and all(type(tensor) in (Tensor, torch.nn.Parameter) for tensor in inputs)
    )


def _eager(function: Pure, *inputs: Tensor) -> Tensors:
    calls["eager"] += 1
    return function(*inputs)


def _refuse(function: Pure, problem: Exception) -> None:
    """Run this kind of function eagerly from now on, and say so once."""
    what, first = type(problem).__name__, (str(problem).strip() or "no message").splitlines()[0]
    if "InvalidCxxCompiler" in f"{what} {problem}":
        _switch["on"] = False
        reason = "there is no C++ compiler; install g++ (`apt install g++`)"
    elif "CppCompileError" in f"{what} {problem}":
        reason = (
            "the C++ compiler failed; install it with the headers of Python "
            f"(`apt install g++ python3-dev`); it said: {first}"
        )
    elif "triton" in str(problem).lower():
        reason = f"Triton is missing or does not work (`pip install triton`): {first}"
    else:
        reason = f"it could not be compiled ({what}: {first})"
    _refused.add(function.kind)
    _log.warning(
        "the loop over time of %s runs several times slower than it could: %s. "
        "SPIKEDISTILL_COMPILE=0 chooses this without a word.",
        function.kind,
        reason,
    )


class _Compiled(torch.autograd.Function):
    """Forward compiled; backward compiled from the inputs alone."""

    @staticmethod
    def forward(ctx: Any, function: Pure, *inputs: Tensor) -> Tensors:
        ctx.function = function
        ctx.save_for_backward(*inputs)
        return _forward(function, *inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        function, inputs = ctx.function, ctx.saved_tensors
        wanted: tuple[bool, ...] = ctx.needs_input_grad[1:]

        def compiled_pull() -> Tensors:
            given = (*(gradient.contiguous() for gradient in gradients), *inputs)
            with without_autocast(inputs[0]):
                return _backward_of(function, wanted, _signature(given))(*given)

        def recomputed() -> Tensors:
            return _recomputed(function, inputs, gradients, wanted)

        if torch.is_grad_enabled() or not _can_compile(function, (*gradients, *inputs)):
            found = iter(recomputed())
        else:
            found = iter(_attempt(function, compiled_pull, recomputed))
        return None, *(next(found) if want else None for want in wanted)


def _forward(function: Pure, *inputs: Tensor) -> Tensors:
    return _attempt(
        function,
        lambda: _forward_of(function, _signature(inputs))(*inputs),
        lambda: _eager(function, *inputs),
    )


def _attempt(
    function: Pure, compiled: Callable[[], Tensors], instead: Callable[[], Tensors]
) -> Tensors:
    """Run what is compiled; where that fails, what stands in for it, from then on.

    What was refused comes here too, so that it keeps the same for its backward pass as before.
    """
    if function.kind in _refused:
        return instead()
    try:
        results = compiled()
    except Exception as problem:
        results = instead()  # raises what is wrong with the function itself
        _refuse(function, problem)
        return results
    calls["compiled"] += 1
    return results


def _recomputed(
    function: Pure, inputs: Tensors, gradients: Tensors, wanted: tuple[bool, ...]
) -> Tensors:
    """The gradients wanted, in eager mode; differentiable where second derivatives are asked."""
    twice = torch.is_grad_enabled()
    pairs = list(zip(inputs, wanted, strict=True))
    with torch.enable_grad(), without_autocast(inputs[0]):
        if not twice:
            pairs = [(x.detach().requires_grad_(want), want) for x, want in pairs]
        results = zip(_eager(function, *(x for x, _ in pairs)), gradients, strict=True)
        used = [(result, gradient) for result, gradient in results if result.requires_grad]
        return torch.autograd.grad(
            [result for result, _ in used],
            [x for x, want in pairs if want],
            [gradient for _, gradient in used],
            create_graph=twice,
            materialize_grads=True,
        )


@functools.cache
def _forward_of(function: Pure, signature: Signature) -> Callable[..., Tensors]:
    def forward(*inputs: Tensor) -> Tensors:
        return function(*inputs)

    return _build(forward, signature)


@functools.cache
def _backward_of(
    function: Pure, wanted: tuple[bool, ...], signature: Signature
) -> Callable[..., Tensors]:
    def backward(*tensors: Tensor) -> Tensors:
        gradients, inputs = tensors[: -len(wanted)], tensors[-len(wanted) :]

        def of_wanted(*some: Tensor) -> Tensors:
            given = iter(some)
            return function(
                *(next(given) if want else x for x, want in zip(inputs, wanted, strict=True))
            )

        needed = (x for x, want in zip(inputs, wanted, strict=True) if want)
        pull = torch.func.vjp(of_wanted, *needed)[1]
        return cast(Tensors, pull(gradients))

    return _build(backward, signature)


def _build(function: Callable[..., Tensors], signature: Signature) -> Callable[..., Tensors]:
    """As one C++ loop where that can be, else by torch's compiler."""
    if backend == "auto" and all(kind.device == "cpu" for kind in signature):
        try:
            return _loop(function, signature)
        except Unsupported as reason:
            _log.debug("not a loop of our own: %s", reason)
        except CannotCompile as reason:
            _log.debug("our own loop does not compile: %s", reason)
    return _compile(function)


def _loop(function: Callable[..., Tensors], signature: Signature) -> Callable[..., Tensors]:
    """The function as a C++ loop over all places."""
    examples = [torch.zeros(kind.rows, dtype=kind.dtype) for kind in signature]
    # in a thread of its own: gradient modes and hooks of the caller (`recall`) belong to its thread
    with ThreadPoolExecutor(1) as own:
        program = own.submit(emit, function, examples).result()
    kernel = load(program.text)

    def run(*inputs: Tensor) -> Tensors:
        places = next(x.shape[1] for x in inputs if x.dim())
        results = tuple(
            torch.empty((rows, places) if rows else (), dtype=dtype)
            for rows, dtype in program.results
        )
        kernel(inputs, results, places)
        return results

    return run


def _compile(function: Callable[..., Tensors]) -> Callable[..., Tensors]:
    """By torch's compiler; one compilation for all sizes."""
    made = compiled_apart(function, "inductor" if backend == "auto" else backend)
    return lambda *tensors: made(*_varying(tensors))


def compiled_apart(
    function: Callable[..., Any], by: str | Callable[..., Any]
) -> Callable[..., Any]:
    """A function compiled by a backend of dynamo, as if there were no other.

    dynamo counts recompilations per code object and silently runs eagerly beyond a limit (8), and
    it remembers by name which sizes and numbers changed: so every function gets its own code
    object and name, and `fullgraph` makes every failure an error that we see.
    """
    name = f"{function.__name__}_{next(_numbers)}"
    code = function.__code__.replace(co_name=name, co_qualname=name)
    own = types.FunctionType(code, function.__globals__, name, None, function.__closure__)
    return torch.compile(own, fullgraph=True, backend=by)


def _signature(inputs: Tensors) -> Signature:
    """What needs a compilation of its own."""
    return tuple(
        Kind(tensor.device.type, tensor.dtype, (len(tensor), *(1,) * (tensor.dim() - 1)))
        if tensor.dim()
        else Kind(tensor.device.type, tensor.dtype, ())
        for tensor in inputs
    )


def _varying(tensors: Tensors) -> Tensors:
    """The tensors, with the sizes marked that may differ in the next call: all but time's.

    Detached, because the compiler tells tensors that require a gradient from those that do not,
    and training and evaluation would be compiled apart.
    """
    tensors = tuple(tensor.detach() for tensor in tensors)
    for tensor in tensors:
        for dim in range(1 if tensor.dim() > 1 else 0, tensor.dim()):
            torch._dynamo.maybe_mark_dynamic(tensor, dim)
    return tensors
