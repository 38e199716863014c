import pytest
import torch

from spikedistill.functional.neuron import at_rest, fire, leak, state_dtype
from spikedistill.functional.surrogate import Triangle


def test_the_state_is_float32_or_float64() -> None:
    for dtype, expected in [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ]:
        current = torch.zeros(3, dtype=dtype)
        assert state_dtype(current) == expected
        assert at_rest(current, -0.3).dtype == expected
    assert at_rest(torch.zeros(3, dtype=torch.bfloat16), -0.3).item() == pytest.approx(-0.3, 1e-7)


@pytest.mark.parametrize(
    ("v_reset", "expected"), [(None, 0.4), (0.0, 0.4), (-0.5, -0.5 + 0.5 * 1.3)]
)
def test_the_potential_decays_towards_its_reset(v_reset: float | None, expected: float) -> None:
    assert leak(torch.tensor(0.8), 0.5, v_reset).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("v_reset", "expected"), [(None, [0.5, 0.25]), (0.0, [0.5, 0.0]), (-0.5, [0.5, -0.5])]
)
def test_reset(v_reset: float | None, expected: list[float]) -> None:
    charged = torch.tensor([0.5, 1.25])
    spikes, state = fire(
        charged,
        v_threshold=1.0,
        v_reset=v_reset,
        detach_reset=False,
        surrogate=Triangle(),
        fires_at_equality=False,
    )
    assert spikes.tolist() == [0, 1]
    assert state.v.tolist() == expected
    assert state.charged.tolist() == charged.tolist()
