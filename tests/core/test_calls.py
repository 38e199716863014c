"""`call: package.module:factory` and the sentences for what it can get wrong."""

import sys
from pathlib import Path

import pytest
import torch

from spikedistill.core.calls import look_in, make, resolve
from spikedistill.core.errors import SpikedistillError


@pytest.fixture
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's file in the current directory."""
    monkeypatch.setattr("spikedistill.core.calls._PLACES", [])
    for name in ("mine", "needy", "broken", "partly"):
        monkeypatch.delitem(sys.modules, f"calls_{name}", raising=False)
    (tmp_path / "calls_mine.py").write_text(
        "import torch\nSIZE = 3\nnet = torch.nn.Linear(2, 3)\n"
        "def network(depth, classes=10):\n    return (depth, classes)\n"
        "def failing():\n    raise RuntimeError('no such depth')\n"
        "class Space:\n    @staticmethod\n    def make():\n        return 7\n"
    )
    (tmp_path / "calls_needy.py").write_text("import not_there_at_all\n")
    (tmp_path / "calls_broken.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_own_file_in_the_current_directory(own_file: Path) -> None:
    assert make("calls_mine:network", {"depth": 20}) == (20, 10)
    assert make("calls_mine:Space.make", {}) == 7


def test_a_file_beside_the_recipe(own_file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    beside = tmp_path_factory.mktemp("beside")
    (beside / "calls_beside.py").write_text("def small():\n    return 8\n")
    with pytest.raises(SpikedistillError, match="there is no module 'calls_beside' in"):
        resolve("calls_beside:small")
    look_in(beside)
    assert make("calls_beside:small", {}) == 8
    (own_file / "calls_beside.py").write_text("def small():\n    return 9\n")
    with pytest.raises(SpikedistillError, match=r"may mean two modules of one name.*another name"):
        resolve("calls_beside:small")


def test_installed_module() -> None:
    assert resolve("torch.nn:Linear") is torch.nn.Linear


def test_a_partial_of_ones_own(own_file: Path) -> None:
    (own_file / "calls_partly.py").write_text(
        "import functools, calls_mine\nsmall = functools.partial(calls_mine.network, depth=8)\n"
    )
    assert make("calls_partly:small", {"classes": 2}) == (8, 2)


@pytest.mark.parametrize(
    "call", ["os:system", "builtins:exec", "subprocess:run", "functools:partial", "torch:os.system"]
)
def test_nothing_of_python_itself_is_called(call: str) -> None:
    with pytest.raises(SpikedistillError, match="is a part of Python itself"):
        resolve(call)


@pytest.mark.parametrize(
    ("call", "options", "sentence"),
    [
        ("calls_mine.network", {}, "not of the form package.module:factory"),
        ("calls_mine:", {}, "not of the form"),
        ("calls_mien:network", {}, "no module 'calls_mien'.*did you mean 'calls_mine'"),
        ("calls_mine:netwrok", {}, "has no 'netwrok'; did you mean 'network'"),
        ("calls_mine:SIZE", {}, "names a int; it must name a function"),
        ("calls_mine:network", {}, "needs depth; give it beside the call"),
        ("calls_mine:network", {"dept": 3}, "no option 'dept'; did you mean 'depth'"),
        ("calls_mine:net", {}, r"names a network \(Linear\).*name a function that returns it"),
        ("calls_mine.py:network", {}, "write it without .py, as calls_mine:network, and keep"),
        ("calls_gone.py:network", {}, "write it without .py, as calls_gone:network, and keep"),
        ("calls_mine:failing", {}, "failed: RuntimeError: no such depth"),
        ("calls_needy:network", {}, "needs the package 'not_there_at_all'"),
        ("calls_broken:network", {}, "cannot be imported: ZeroDivisionError"),
    ],
)
def test_wrong_calls(own_file: Path, call: str, options: dict[str, int], sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        make(call, options)
