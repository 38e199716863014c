import math

import pytest
import torch

from spikedistill.functional.levels import levels


def test_a_staircase_forward_and_a_clip_backward() -> None:
    x = torch.tensor([-0.3, 0.0, 0.49, 0.5, 1.49, 2.5, 3.6, 4.0, 7.0], requires_grad=True)
    found = levels(x, 4)
    assert found.tolist() == [0, 0, 0, 1, 1, 3, 4, 4, 4]
    found.sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 0]
    assert levels(x, 4, "even").tolist() == [0, 0, 0, 0, 1, 2, 4, 4, 4]
    with torch.no_grad():
        assert torch.equal(levels(x, 4), found)


def test_it_is_floor_of_x_and_a_half_for_any_number_and_nan_stays() -> None:
    x = torch.linspace(-3, 9, 4001, dtype=torch.float64)
    for most in (1, 2, 7):
        wanted = [min(max(math.floor(value + 0.5), 0), most) for value in x.tolist()]
        assert levels(x, most).tolist() == wanted
    assert levels(torch.tensor([math.nan]), 2).isnan().all()


@pytest.mark.parametrize("most", [1, 3])
def test_every_level_is_a_whole_number_exactly(most: int) -> None:
    x = (torch.randn(1000) * 3).requires_grad_()
    assert set(levels(x, most).tolist()) == set(map(float, range(most + 1)))
