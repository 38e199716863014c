"""Rounds that are alike: all of them are run, one of them is counted for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from spikedistill.functional import align
from spikedistill.functional.alike import alike, counted_once
from spikedistill.planning.follower import Follower


def test_every_round_is_run_unless_they_are_counted() -> None:
    entered: list[int] = []

    @contextmanager
    def repeat(times: int) -> Iterator[None]:
        entered.append(times)
        yield
        entered.append(-times)

    with counted_once(repeat):
        for number in alike(5):
            entered.append(number)
        assert list(alike(0)) == []
    assert entered == [5, 0, -5]
    assert list(alike(3)) == [0, 1, 2]


def test_the_operations_of_one_step_are_counted_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def followed() -> Counter[tuple[str, int, bool]]:
        follower = Follower()
        learner = torch.rand(7, 4, 3, 5, 5, requires_grad=True)
        with counted_once(follower.repeat), follower:
            align.gap(learner, torch.rand(7, 4, 3, 5, 5)).sum().backward()
        found = Counter[tuple[str, int, bool]]()
        for one, times in follower.operations.items():  # which step it is of is in the call
            found[str(one.call.function), one.bytes, one.backward] += times
        return found

    once = followed()
    monkeypatch.setattr(align, "alike", range)
    assert once == followed() and sum(once.values()) > 7 * 5
