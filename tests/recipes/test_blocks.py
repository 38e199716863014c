"""Every key that a recipe may hold is explained where it is defined, and shown."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from spikedistill.core.schedule import Schedule
from spikedistill.data import _augment
from spikedistill.recipes import network_entry
from spikedistill.recipes.blocks import BLOCKS
from spikedistill.recipes.data_entry import SPLIT_KEYS
from spikedistill.recipes.loss_entry import TERM_KEYS
from spikedistill.recipes.schema import Phase, Recipe, RoleEntry
from spikedistill.training.settings import Settings

KEYS = {
    "recipe": set(Recipe.model_fields),
    "data": {"name", *SPLIT_KEYS},
    "augment": set(_augment._OPTIONS),
    "networks": set(network_entry.KEYS),
    "training": {one.name for one in fields(Settings)},
    "phases": set(Phase.model_fields),
    "roles": set(RoleEntry.model_fields),
    "losses": set(TERM_KEYS),
}


@pytest.mark.parametrize("block", BLOCKS)
def test_the_keys_of_a_block(block: str) -> None:
    """A key that is defined without a description would be missing here."""
    assert {key.name for key in BLOCKS[block].keys} == KEYS[block]
    named = re.findall(r"^- (\w+): \S", BLOCKS[block].text, re.MULTILINE)
    assert sorted(named) == sorted(KEYS[block])


def test_a_key_says_what_it_takes_and_what_it_is_without() -> None:
    told = {key.name: key for key in BLOCKS["training"].keys}
    assert (told["lr"].default, told["lr"].takes) == ("0.1", "a number")
    assert told["optimizer"].takes == "'sgd' or 'adamw'"
    roles = {key.name: key for key in BLOCKS["roles"].keys}
    assert (roles["network"].default, roles["timesteps"].default) == ("required", "1")


def test_a_weight_that_changes() -> None:
    text = " ".join(BLOCKS["losses"].text.split())
    (example,) = re.findall(r"`\{(start: .*?)\}`", text)
    assert re.findall(r"(\w+): ", example) == [one.name for one in fields(Schedule)]


@pytest.mark.parametrize("block", BLOCKS)
def test_what_it_points_to_is_there(block: str) -> None:
    pointed = set(re.findall(r"`spikedistill show (\w+)`", BLOCKS[block].text))
    assert pointed <= {*BLOCKS, "imagefolder", "lif"}
