import math

import pytest
import torch

from spikedistill.functional.surrogate import (
    SURROGATES,
    ATan,
    DampedTriangle,
    Rectangle,
    Sigmoid,
    Surrogate,
    Tanh,
    Triangle,
    spike,
)

ALL = [surrogate() for surrogate in SURROGATES.values()] + [
    Rectangle(0.5),
    Triangle(0.7),
    DampedTriangle(0.2, 0.5),
    ATan(3.0),
    Sigmoid(2.0),
    Tanh(1.0),
]


@pytest.mark.parametrize(
    ("surrogate", "expected"),
    [
        (Rectangle(), (1, 1, 0, 0)),
        (Triangle(), (1, 0.75, 0.5, 0)),
        (ATan(), (1, 0.618486, 0.288400, 0.043091)),
        (Sigmoid(), (1, 0.786448, 0.419974, 0.009866)),
        (DampedTriangle(), (0.3, 0.225, 0.15, 0)),
    ],
)
def test_slopes_of_the_specification(surrogate: Surrogate, expected: tuple[float, ...]) -> None:
    x = torch.tensor([0, 0.25, 0.5, 1.5], dtype=torch.float64)
    for side in (x, -x):
        assert surrogate.derivative(side).tolist() == pytest.approx(expected, abs=1e-6)


def test_tanh_is_the_formula_of_the_paper_on_the_clipped_potential() -> None:
    """MPBN: y = clip(v, 0, 1), k sech^2(k (y - 0.5)) / (2 tanh(k / 2)) inside (0, 1)."""
    for v in (-0.2, 0.0, 0.1, 0.5, 0.75, 0.99, 1.0, 1.4):
        inside = 0 < v < 1
        slope = 3 / math.cosh(3 * (v - 0.5)) ** 2 / (2 * math.tanh(1.5)) if inside else 0.0
        x = torch.tensor(v - 0.5, dtype=torch.float64)
        assert Tanh(3.0).derivative(x).item() == pytest.approx(slope, abs=1e-12)


@pytest.mark.parametrize("surrogate", ALL, ids=str)
def test_the_slope_is_the_derivative_of_the_primitive(surrogate: Surrogate) -> None:
    x = torch.linspace(-2, 2, 400, dtype=torch.float64) + 1e-4  # away from the corners
    h = 1e-6
    differences = (surrogate.primitive(x + h) - surrogate.primitive(x - h)) / (2 * h)
    torch.testing.assert_close(surrogate.derivative(x), differences, atol=1e-6, rtol=1e-6)
    zero = torch.zeros((), dtype=torch.float64)
    assert surrogate.primitive(zero).item() == pytest.approx(0.5)


@pytest.mark.parametrize("surrogate", ALL, ids=str)
def test_a_spike_is_a_step_forward_and_the_slope_backward(surrogate: Surrogate) -> None:
    x = torch.linspace(-2, 2, 41, dtype=torch.float64, requires_grad=True)
    fired = spike(x, surrogate)
    assert torch.equal(fired, (x > 0).double())
    weights = torch.arange(41, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(fired, x, weights)
    torch.testing.assert_close(gradient, weights * surrogate.derivative(x.detach()))


def test_equality_fires_only_where_asked() -> None:
    x = torch.tensor([-1.0, 0.0, 1.0])
    assert spike(x, Triangle()).tolist() == [0, 0, 1]
    assert spike(x, Triangle(), at_equality=True).tolist() == [0, 1, 1]


def test_a_diverged_potential_stays_visible() -> None:
    assert spike(torch.tensor(float("nan")), Triangle()).isnan()
    assert spike(torch.tensor(float("inf")), Triangle()) == 1


def test_a_spike_works_under_function_transforms() -> None:
    x = torch.tensor([-0.25, 0.0, 0.5])
    slopes = torch.vmap(torch.func.grad(lambda x: spike(x, Triangle())))(x)
    assert slopes.tolist() == [0.75, 1.0, 0.5]


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan])
def test_a_shape_without_width_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"gamma must be a positive number"):
        Triangle(bad)
