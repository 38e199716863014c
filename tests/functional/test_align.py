from __future__ import annotations

import pytest
import torch

from spikedistill.functional.align import common_grid, gap, max_to_grid, mean_to_grid


@pytest.mark.parametrize(
    ("learner", "guide", "grid"),
    [((32, 32), (16, 16), (16, 16)), ((8, 8), (16, 16), (8, 8)), ((8, 2), (4, 6), (4, 2))],
)
def test_maps_meet_on_the_smaller_grid(learner, guide, grid):
    assert common_grid(learner, guide) == grid


def test_pooling_by_maximum_and_by_mean():
    maps = torch.arange(16.0).view(1, 1, 1, 4, 4)
    assert max_to_grid(maps, (2, 2)).flatten().tolist() == [5.0, 7.0, 13.0, 15.0]
    assert mean_to_grid(maps, (2, 2)).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert max_to_grid(maps, (4, 4)) is maps


def test_the_gap_is_the_mean_square_of_every_sample():
    learner, guide = torch.randn(3, 5, 2, 4, 4).double(), torch.randn(1, 5, 2, 4, 4).double()
    expected = ((learner - guide) ** 2).mean((2, 3, 4))
    torch.testing.assert_close(gap(learner, guide), expected)
    assert gap(guide.expand(3, -1, -1, -1, -1), guide).tolist() == [[0.0] * 5] * 3


def test_the_gradient_of_the_gap_is_right_on_both_sides():
    learner = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    guide = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gap, (learner, guide))
    assert torch.autograd.gradgradcheck(gap, (learner, guide))


def in_memory_order(maps: torch.Tensor) -> torch.Tensor:
    """The same `[T, B, C, H, W]` with the channels last in memory."""
    return maps.movedim(2, -1).contiguous().movedim(-1, 2)


@pytest.mark.parametrize("lay", [torch.Tensor.contiguous, in_memory_order])
def test_maps_of_several_blocks_in_half_precision_lose_only_the_rounding_of_the_gradient(lay):
    size = (40, 16, 16, 16)  # a block takes 32 samples of 4096: one block and a part of one
    mine = lay(torch.randn(2, *size).bfloat16()).requires_grad_()
    goal = lay(torch.randn(1, *size).bfloat16())
    weight = torch.rand(2, 40)
    found = gap(mine, goal)
    (gradient,) = torch.autograd.grad((found * weight).sum(), mine)
    exact = mine.detach().double() - goal.double()
    torch.testing.assert_close(found, exact.square().mean((2, 3, 4)).float())
    expected = 2 * exact * weight.double()[..., None, None, None] / 16**3
    assert gradient.dtype == torch.bfloat16
    assert gradient.stride() == mine.stride()
    torch.testing.assert_close(gradient, expected.bfloat16(), rtol=2**-7, atol=0)
