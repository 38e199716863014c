"""What the tests of the command line share; neurons run eagerly, compiling is tested elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from spikedistill.cli import main
from spikedistill.functional.compiled import compiling

QUICK = ["training.epochs=1", "data.train_limit=64", "training.batch_size=32",
         "phases.student.compare={}"]  # fmt: skip


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    with compiling(False):
        yield


@dataclass
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


class Spike:
    """Calls the command line as a shell does, without a new process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: object) -> Outcome:
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        text = self.capsys.readouterr()
        return Outcome(int(end.value.code or 0), text.out, text.err)


@pytest.fixture
def spike(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Spike:
    """The command line."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("SPIKEDISTILL_DEBUG", "0")
    return Spike(capsys)


@pytest.fixture(scope="package")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    with compiling(False), pytest.raises(SystemExit) as end:
        main(["run", "digits-sastc", *QUICK, "--out", str(folder), "--quiet"])
    assert end.value.code in (0, None)
    return folder
