"""Multiply-adds of functions that a forward calls: convolutions and products that are no layers.

While a watch is open, torch's functions pass by it (`torch.overrides.TorchFunctionMode`). It steps
aside while a layer runs that is counted by its hooks, or a layer of neurons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.overrides import (
    TorchFunctionMode,
    _get_current_function_mode,  # pyright: ignore[reportPrivateUsage]
)
from torch.utils.flop_counter import FlopCounterMode

from spikedistill.core.expose import UNKNOWN
from spikedistill.costs._formulas import WHOLE, formula, is_measured, measured, tensors

_MOST = 8
"""Products of activations in one call of a module that are told apart."""


@dataclass(frozen=True)
class Product:
    """One call of a function that multiplies."""

    path: str
    """`module: function`, of the innermost module that runs; a second one there has a number."""
    macs: int
    """Multiply-adds, of all rows together."""
    arriving: Tensor
    """The activations that meet weights, or the first of two."""
    other: Tensor | None
    """The other operand, unless it is a weight."""
    output: Tensor
    weights: int
    """Numbers of the weight; 0 for two activations."""
    real: bool
    """Whether it multiplies whatever arrives: attention with a softmax, recurrent layers."""


class Watch(TorchFunctionMode):
    """Sees the products that functions compute, as long as it is entered.

    Args:
        network: what runs meanwhile.
        counted: whether a module counts itself, or is to be left alone; nothing inside is seen.
        note: gets every product, after it was computed.
    """

    def __init__(
        self,
        network: nn.Module,
        counted: Callable[[nn.Module], bool],
        note: Callable[[Product], None],
    ) -> None:
        super().__init__()
        self.network, self.counted, self.note = network, counted, note
        self._running: list[tuple[str, nn.Module, dict[str, list[int | None]]]] = []
        self._inside, self._aside = 0, False
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []
        self._own: set[int] = set()

    def __enter__(self) -> Self:
        """Start to watch. Hooks that were set before do not see a layer's end too early."""
        self._own = {_memory(one) for one in (*self.network.parameters(), *self.network.buffers())}
        scripts: dict[nn.Module, str] = {}
        for path, module in self.network.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                scripts[module] = path
                continue
            before, after = self._pair(path, module)
            self._hooks.append(module.register_forward_pre_hook(before))
            self._hooks.append(module.register_forward_hook(after, always_call=True))
        if scripts:  # they take no hooks of their own
            before, after = self._script(scripts)
            self._hooks.append(register_module_forward_pre_hook(before))
            self._hooks.append(register_module_forward_hook(after, always_call=True))
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        """Stop to watch."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        if not self._aside:
            super().__exit__(*error)
        self._running, self._inside, self._aside = [], 0, False

    def _pair(self, path: str, module: nn.Module) -> tuple[Callable[..., None], ...]:
        """What to do before and after the forward of a module."""
        if self.counted(module):
            return lambda *_: self._step_aside(), lambda *_: self._step_back()
        return lambda *_: self._running.append((path, module, {})), lambda *_: self._end()

    def _end(self) -> None:  # what a hook returns would be the output
        if self._running:
            self._running.pop()

    def _step_aside(self) -> None:
        self._inside += 1
        if self._inside == 1 and _get_current_function_mode() is self:
            super().__exit__(None, None, None)
            self._aside = True

    def _step_back(self) -> None:
        self._inside -= 1
        if not self._inside and self._aside:
            self._aside = False
            super().__enter__()

    def _script(self, paths: Mapping[nn.Module, str]) -> tuple[Callable[..., None], ...]:
        """A script module calls no function of Python; its operations are watched from below."""
        open_now: list[FlopCounterMode] = []

        def before(module: nn.Module, _inputs: object) -> None:
            if module in paths and not open_now:
                open_now.append(FlopCounterMode(display=False))
                open_now[0].__enter__()

        def after(module: nn.Module, inputs: tuple[Any, ...], output: object) -> None:
            if module not in paths or not open_now:
                return
            flops = open_now.pop()
            flops.__exit__(None, None, None)
            macs, found = flops.get_total_flops() // 2, tensors(*inputs, output)
            if macs and tensors(output):
                name = _join(paths[module], type(module).__name__)
                size = sum(one.numel() for one in module.parameters())
                self.note(Product(name, macs, found[0], None, tensors(output)[0], size, real=True))

        return before, after

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run a function, and note it where it multiplies."""
        given = dict(kwargs or {})
        count = None if self._inside or not self._running else formula(func)
        if count is None:
            return func(*args, **given)
        macs: int | None = None
        if is_measured(func):
            output, macs = measured(func, args, given)
        else:
            output = func(*args, **given)
        results = tensors(output)
        if not results:  # torch.fx follows the forward
            return output
        found = count(args, given, results[0])
        self._tell(func, found.macs if macs is None else macs, found.operands, found.real, output)
        return output

    def _tell(
        self,
        func: Callable[..., Any],
        macs: int,
        operands: tuple[Tensor, Tensor],
        real: bool,
        output: object,
    ) -> None:
        moving = [one for one in operands if _memory(one) not in self._own]
        if not macs or not moving:  # what is made of weights alone is made before an inference
            return
        path, module, seen = self._running[-1]
        whole = isinstance(module, WHOLE)
        name = type(module).__name__ if whole else func.__name__.strip("_")
        name = {"imatmul": "matmul", "rmatmul": "matmul"}.get(name, name)
        fixed = name.startswith("conv") or name == "linear"
        weight = next((one for one in operands if one is not moving[0]), operands[1])
        product = len(moving) == 2 and not fixed
        number = _number(seen.setdefault(name, []), None if product else _memory(weight))
        self.note(
            Product(
                _join(path, f"{name} {number}" if number > 1 else name),
                macs,
                moving[0],
                moving[1] if product else None,
                tensors(output)[0],
                0 if product else weight.numel(),
                real,
            )
        )


def uncounted(network: nn.Module, counted: Iterable[str]) -> list[str]:
    """What the twins inside a network name as real-valued, without the products that are counted.

    Args:
        network: of which a part may be a twin (`spiking_twin`).
        counted: the paths of layers and functions whose operations are counted.
    """
    paths = set(counted)
    left: list[str] = []
    for path, part in network.named_modules():
        for what in getattr(part, "real_valued", ()):
            place, _, operation = what.partition(": ")
            if operation == UNKNOWN:
                left.append(f"what {place} computes beside its layers and products, not known")
                continue
            inner = "" if place == _ROOT else place
            if _join(".".join(filter(None, (path, inner))), operation) not in paths:
                left.append(what)
    return left


_ROOT = "the network itself"


def _join(path: str, name: str) -> str:
    return f"{path or _ROOT}: {name}"


def _number(seen: list[int | None], key: int | None) -> int:
    """Which one it is of the calls of one function; calls with one weight are one."""
    if key is None or key not in seen:
        if len(seen) == _MOST and key is None:
            return _MOST
        seen.append(key)
        return len(seen)
    return seen.index(key) + 1


def _memory(tensor: Tensor) -> int:
    """What all views of the same numbers have in common."""
    return tensor.untyped_storage()._cdata
