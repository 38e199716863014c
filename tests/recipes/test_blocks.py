"""Every key that a recipe may hold is explained, and no other."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from spikedistill.core.schedule import Schedule
from spikedistill.data import _augment
from spikedistill.recipes.blocks import BLOCKS
from spikedistill.recipes.entries import SPLIT_KEYS, TERM_KEYS, NetworkEntry
from spikedistill.recipes.schema import Phase, Recipe, RoleEntry
from spikedistill.training.settings import Settings

NETWORK = {one.name for one in fields(NetworkEntry)} - {"kind", "name", "options"}
KEYS = {
    "recipe": {*Recipe.model_fields, "base"},
    "data": {"name", "call", *SPLIT_KEYS},
    "augment": set(_augment._OPTIONS),
    "networks": {"model", "call", "twin_of", "neuron", "thresholds", "percentile", *NETWORK},
    "training": {one.name for one in fields(Settings)},
    "phases": {*Phase.model_fields, *(f"roles.{name}" for name in RoleEntry.model_fields)},
    "losses": set(TERM_KEYS),
}


@pytest.mark.parametrize("block", BLOCKS)
def test_the_keys_of_a_block(block: str) -> None:
    named = re.findall(r"^- ([\w.]+): ", BLOCKS[block], re.MULTILINE)
    assert sorted(named) == sorted(KEYS[block])


def test_a_weight_that_changes() -> None:
    (example,) = re.findall(r"`\{(start: .*)\}`", BLOCKS["losses"])
    assert re.findall(r"(\w+): ", example) == [one.name for one in fields(Schedule)]


@pytest.mark.parametrize("block", BLOCKS)
def test_what_it_points_to_is_there(block: str) -> None:
    pointed = set(re.findall(r"`spikedistill show (\w+)`", BLOCKS[block]))
    assert pointed <= {*BLOCKS, "imagefolder", "lif"}
