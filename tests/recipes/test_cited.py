"""Only what a recipe uses is cited."""

from __future__ import annotations

from typing import Any

import pytest

from spikedistill.recipes import files
from spikedistill.recipes.cited import references


def keys(*overrides: str) -> list[str]:
    return [one.key for one in references(files.load("digits-sastc", overrides).plain())]


def test_methods_then_neurons_each_once() -> None:
    assert keys() == ["hinton2015distilling", "hong2025sastc", "deng2022tet"]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["losses=[cross_entropy]", "compare={}"], ["fang2021plif"]),
        (["losses=[cross_entropy: {time: steps}]", "compare={}"], ["deng2022tet", "fang2021plif"]),
        (["losses=[cross_entropy, fitnet]", "compare={}"], ["romero2015fitnets", "fang2021plif"]),
    ],
)
def test_what_is_not_used_is_not_cited(overrides: list[str], expected: list[str]) -> None:
    changes = [f"phases.student.{one}" for one in overrides]
    assert keys("networks.student.activation=plif", *changes) == expected


def test_norms_twins_and_what_cannot_be_found() -> None:
    networks: dict[str, Any] = {
        "zoo": {"model": "digits", "activation": "plif", "norm": "tdbn"},
        "twin": {"from": "zoo", "by": {"twin": {"neuron": {"integrate_and_fire": {}}}}},
        "old": {"twin_of": "zoo", "neuron": "lif"},
        "gone": {"model": "nowhere_at_all:net", "activation": "nowhere_at_all:Own"},
        "ann": {"given": "x.Y"},
    }
    found = references({"networks": networks, "phases": [{"losses": [{"nowhere_at_all:KD": {}}]}]})
    assert [one.key for one in found] == [
        "fang2021plif", "zheng2021tdbn", "fang2021sew", "deng2022tet",
    ]  # fmt: skip
