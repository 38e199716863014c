"""Elementwise functions as C++ text: what is known, what is refused, and that it computes it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from spikedistill.functional.emit import Program, Unsupported, emit
from spikedistill.functional.native import load

Tensors = tuple[Tensor, ...]
Step = Callable[[Tensor, Tensor], Tensor]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.3, 88.5, -88.5, 1e-30, float("nan"), float("inf"), -float("inf")]


def run(program: Program, *inputs: Tensor) -> Tensors:
    places = inputs[0].shape[1]
    results = tuple(torch.empty(rows, places, dtype=dtype) for rows, dtype in program.results)
    load(program.text)(inputs, results, places)
    return results


def block(dtype: torch.dtype, rows: int = 2) -> Tensor:
    """Rows of ordinary and of special numbers."""
    ordinary = 3 * torch.randn(rows, 40, generator=torch.Generator().manual_seed(0))
    special = torch.tensor(SPECIAL).expand(rows, -1)
    return torch.cat([ordinary, special], 1).to(dtype).contiguous()


HALF: dict[str, Step] = {
    "sum": lambda a, b: a + b,
    "product": lambda a, b: -(a * b) - a,
    "clamped": lambda a, b: a.relu() + torch.maximum(a, b),
    "as float": lambda a, b: (a.float() * 0.3 + b.float()).bfloat16(),
    "which": lambda a, b: torch.where(a > b, a, b.abs()),
}
EXACT: dict[str, Step] = {
    "arithmetic": lambda a, b: (a + b) * 0.3 - a / 2.5 - (2 - b),
    "one over": lambda a, b: a.reciprocal() + b.square(),
    "signs": lambda a, b: -a.abs() + b.sign() + b.relu(),
    "compare": lambda a, b: torch.where((a > b) | (a <= 0.3), a, 0.25),
    "equal": lambda a, b: ((a == b) | (a != 0)).to(a.dtype),
    "not": lambda a, b: (~(a >= b) & (b < 1)).to(a.dtype),
    "clamps": lambda a, b: a.clamp(-0.5, 0.5) + b.clamp_min(0.1) - a.clamp_max(0.2),
    "extremes": lambda a, b: torch.maximum(a, b) - torch.minimum(a, b * 0.5),
    "filled": lambda a, b: torch.ones_like(a) * 3 + torch.zeros_like(b) + torch.full_like(a, 0.1),
    "power": lambda a, b: a - b**2,
    "nan": lambda a, b: torch.where(a.isnan(), b, a),
}


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("dtype", "steps"),
    [(torch.float32, EXACT), (torch.float64, EXACT), (torch.bfloat16, HALF)],
    ids=["fp32", "fp64", "bf16"],
)
def test_every_operation_agrees_with_eager_torch_bit_for_bit(
    dtype: torch.dtype, steps: dict[str, Step]
) -> None:
    x = block(dtype)

    def function(x: Tensor) -> Tensors:
        a, b = x.unbind(0)
        return tuple(torch.stack([step(a, b)]) for step in steps.values())

    for name, mine, theirs in zip(steps, run(emit(function, (x,)), x), function(x), strict=True):
        assert mine.dtype == theirs.dtype, name
        assert torch.equal(mine.nan_to_num(777), theirs.nan_to_num(777)), name


@pytest.mark.compiled
@pytest.mark.parametrize("function", [torch.sigmoid, torch.tanh, torch.sqrt])
def test_curves_are_within_float_precision(function) -> None:
    x = torch.cat([block(torch.float32, 1), torch.linspace(-20, 20, 4001)[None]], 1)
    program = emit(lambda x: (torch.stack([function(x.unbind(0)[0])]),), (x,))
    (mine,) = run(program, x)
    exact = function(x.double()).float()
    torch.testing.assert_close(mine, exact, rtol=1e-6, atol=2e-7, equal_nan=True)


@pytest.mark.compiled
def test_rows_numbers_and_several_results() -> None:
    """`[3, N]` and a number in; `[3, N]` and `[1, N]` in other precisions out."""
    x, decay = torch.arange(12.0).view(3, 4), torch.tensor(0.5)

    def function(x: Tensor, decay: Tensor) -> Tensors:
        first, second, third = x.unbind(0)
        total = first + decay * (second + decay * third)
        return torch.stack([first, total, third]).double(), torch.stack([total.bfloat16()])

    with pytest.raises(Unsupported, match="whole block"):  # double() of all rows at once
        emit(function, (x, decay))

    def by_rows(x: Tensor, decay: Tensor) -> Tensors:
        first, second, third = x.unbind(0)
        total = first + decay * (second + decay * third)
        return torch.stack([first, total, third]), torch.stack([total.bfloat16()])

    mine = run(emit(by_rows, (x, decay)), x, decay)
    assert mine[0].tolist() == [[0, 1, 2, 3], [4, 5.75, 7.5, 9.25], [8, 9, 10, 11]]
    assert mine[1].dtype == torch.bfloat16
    assert mine[1].tolist() == [[4, 5.75, 7.5, 9.25]]


@pytest.mark.compiled
@pytest.mark.parametrize("places", [1, 100, 30_000])
def test_a_number_is_made_of_sums_over_all_places(places: int) -> None:
    """As the gradient of a learned constant is; whatever the number of threads."""
    x, scale = torch.randn(2, places), torch.tensor(0.3)

    def function(x: Tensor, scale: Tensor) -> Tensors:
        a, b = x.unbind(0)
        return torch.stack([a * scale]), (a * b).sum() * (1 - scale) + b.sum()

    program, before = emit(function, (x, scale)), torch.get_num_threads()
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        row, number = torch.empty(1, places), torch.empty(())
        load(program.text)((x, scale), (row, number), places)
        results.append(number)
    torch.set_num_threads(before)
    assert torch.equal(*results)
    expected = (x[0].double() * x[1]).sum() * 0.7 + x[1].double().sum()
    torch.testing.assert_close(results[0].double(), expected, rtol=1e-5, atol=1e-4)
    assert program.results == ((1, torch.float32), (0, torch.float32))


@pytest.mark.compiled
def test_bfloat16_is_rounded_to_even_as_torch_does() -> None:
    x = torch.tensor([[1.00390625, 1.01171875, 3.3895e38, float("nan"), -0.2]])
    program = emit(lambda x: (torch.stack([(x.unbind(0)[0] * 1).bfloat16()]),), (x,))
    (mine,) = run(program, x)
    expected = x.bfloat16()
    assert torch.equal(mine.nan_to_num(5), expected.nan_to_num(5))
    assert mine[0, :2].tolist() == [1.0, 1.015625]  # ties to even, down and up


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (lambda x: (x.sum(1, keepdim=True),), "sum of a whole block"),
        (lambda x: (torch.stack([x.unbind(0)[0] / x.unbind(0)[1].sum()]),), "depend on a sum"),
        (lambda x: (x * 2,), "mul of a whole block"),
        (lambda x: (torch.stack([x.unbind(0)[0].erf()]),), "erf"),
        (lambda x: (torch.stack([x.unbind(0)[0].half()]),), "float16"),
        (lambda x: (x.unbind(0)[0],), "neither of rows"),
        (lambda x: (x if x.sum() > 0 else -x,), "DataDependent|data-dependent"),
        (lambda x: (torch.stack([x.unbind(0)[0].bfloat16() > 0.3]),), "bfloat16 and a number"),
        (lambda x: (torch.stack([torch.add(*x.unbind(0), alpha=2)]),), "alpha"),
    ],
)
def test_what_is_not_elementwise_is_refused(function, what: str) -> None:
    with pytest.raises(Unsupported, match=what):
        emit(function, (torch.zeros(2, 4),))


@pytest.mark.parametrize("x", [torch.zeros(2, 3, 4), torch.zeros(2, 4, dtype=torch.half)])
def test_other_shapes_and_precisions_are_refused(x: Tensor) -> None:
    with pytest.raises(Unsupported, match="an input"):
        emit(lambda x: (x,), (x,))
