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


@pytest.mark.parametrize("text", ["a: [1", "!!python/object/apply:os.system ['true']", "a: b: c"])
def test_what_is_not_plain_yaml_is_refused(text: str) -> None:
    with pytest.raises(SpikedistillError, match=r"^here, line 1, column \d+: this is not YAML"):
        read_yaml(text, "here")
