"""Methods by name, those of a user's own among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.methods.sastc import SASTC
from spikedistill.recipes import parts

OWN = """
from spikedistill.core.loss import Loss

class Own:
    class KD(Loss):
        def __init__(self, learner, guide=None, *, temperature: float = 1.0):
            super().__init__(learner, guide)

        def forward(self, learner, guide, batch):
            return learner.outputs.mean()

def function():
    pass
"""


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parts_mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)


def test_a_method_by_its_name() -> None:
    assert parts.loss("sastc") is SASTC
    assert parts.loss("parts_mine:Own.KD").__qualname__ == "Own.KD"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("satsc", "no method 'satsc'; did you mean 'sastc'"),
        ("parts_mine:function", "is no method: a method is a class that derives from"),
        ("parts_mine:Own", "is no method"),
        ("parts_nime:KD", "no module 'parts_nime'"),
        ("os:system", "is a part of Python itself"),
    ],
)
def test_what_is_no_method(name: str, sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        parts.loss(name)


def test_what_its_term_is_called() -> None:
    names = ("sastc", "mine:KD", "package.mine:Own.KD")
    assert [parts.term_name(name) for name in names] == ["sastc", "KD", "KD"]
