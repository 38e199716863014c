from __future__ import annotations

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.recipes.plain_yaml import read_yaml


def test_yaml_as_people_mean_it() -> None:
    text = "{compile: off, flip: true, lr: 1e-3, decay: 5.0e-4, n: -3, name: no, x: .5, y: null}"
    assert read_yaml(text, "here") == {
        "compile": "off", "flip": True, "lr": 1e-3, "decay": 5e-4, "n": -3, "name": "no",
        "x": 0.5, "y": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{lr: 1e-2, lr: 0.2}", "line 1, column 12: .*: the key 'lr' stands here for the second"),
        ("a:\n  b: 1\nc: 2\na: 3\n", "line 4, column 1: .*: the key 'a' stands here"),
        ("!!python/object/apply:os.system ['true']", "this is more than plain values"),
    ],
)
def test_what_is_yaml_and_more_is_refused(text: str, why: str) -> None:
    with pytest.raises(SpikedistillError, match=f"^here, {why}|^here, line 1, column 1: {why}"):
        read_yaml(text, "here")


@pytest.mark.parametrize("text", ["a: [1", "a: b: c"])
def test_what_is_not_plain_yaml_is_refused(text: str) -> None:
    with pytest.raises(SpikedistillError, match=r"^here, line 1, column \d+: this is not YAML"):
        read_yaml(text, "here")
