"""The method that docs/adding-a-method.md builds keeps every promise, without any edit."""

from __future__ import annotations

import doctest
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from spikedistill import methods
from spikedistill.methods import METHODS
from spikedistill.recipes import parts
from spikedistill.recipes.loss_entry import read_loss

ROOT = Path(__file__).resolve().parents[2]
NAME = "similarity_preserving"
PAGE = (ROOT / "docs/adding-a-method.md").read_text("utf-8")
SOURCE, TEST = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
RECIPE, OUTSIDE = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def module_at(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The new file lies in the catalogue for the length of a test."""
    (tmp_path / f"{NAME}.py").write_text(SOURCE)
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    yield
    sys.modules.pop(f"{methods.__name__}.{NAME}", None)


def test_the_file_is_the_registration_and_its_example_is_true():
    assert NAME in METHODS.names()
    kind = METHODS.find(NAME)
    failed, tried = doctest.testmod(sys.modules[kind.__module__])
    assert tried and not failed


def test_its_own_tests_pass(tmp_path):
    (tmp_path / "own.py").write_text(TEST)
    own = module_at(tmp_path / "own.py")
    tests = [value for name, value in vars(own).items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


@pytest.mark.parametrize(
    "promise",
    [
        "the_loss_is_a_finite_scalar",
        "learner_and_method_learn_and_the_guide_does_not",
        "state_makes_the_round_trip",
        "forty_steps_on_one_batch_lower_it",
        "a_pair_that_cannot_work_is_refused_with_both_facts",
        "the_file_documents_its_method",
    ],
)
def test_the_battery_holds(promise):
    battery = module_at(Path(__file__).parent / "test_methods.py")
    assert NAME in battery.NAMES
    getattr(battery, f"test_{promise}")(NAME)


def test_outside_of_the_library_it_is_named_by_module_and_class(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(methods, "__path__", methods.__path__[:-1])
    try:
        labels, own = map(read_loss, yaml.safe_load(OUTSIDE)["losses"])
        kind = parts.loss(own.method)
    finally:
        sys.modules.pop(NAME, None)
    assert (labels.name, own.name, own.weight) == ("cross_entropy", "SimilarityPreserving", 3000.0)
    assert kind.__module__ == NAME and kind.reference.key == "tung2019similarity"
    assert read_loss(own.plain()) == own


def test_the_recipe_line_names_it():
    losses = yaml.safe_load(RECIPE)["losses"]
    assert [METHODS.find(key) for line in losses for key in line][-1] is METHODS.find(NAME)
