"""Inputs of any form."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikedistill.core.tree import call, first, leaves, mapped

ONE = torch.arange(6).reshape(2, 3)
SEVERAL = {"tokens": ONE, "mask": ONE > 2}


class Named(nn.Module):
    def forward(self, mask: Tensor, tokens: Tensor) -> Tensor:
        return tokens * mask


def test_leaves_stand_in_the_order_of_their_names() -> None:
    assert [value is ONE for value in leaves(ONE)] == [True]
    assert leaves(SEVERAL)[0] is ONE and leaves(SEVERAL)[1].dtype is torch.bool
    assert len(leaves(SEVERAL)) == 2
    assert first(ONE) is ONE and first(SEVERAL) is ONE


def test_the_form_stays() -> None:
    assert torch.equal(mapped(lambda x: 2 * x, ONE), 2 * ONE)  # type: ignore[arg-type]
    cut = mapped(lambda x: x[:1], SEVERAL)
    assert {name: value.tolist() for name, value in cut.items()} == {  # type: ignore[union-attr]
        "tokens": [[0, 1, 2]],
        "mask": [[False, False, False]],
    }
    assert list(SEVERAL) == ["tokens", "mask"] and len(SEVERAL["tokens"]) == 2


def test_a_tensor_is_handed_over_by_position_and_several_by_keyword() -> None:
    assert torch.equal(call(nn.Identity(), ONE), ONE)
    assert call(Named(), SEVERAL).tolist() == [[0, 0, 0], [3, 4, 5]]
