"""What the README promises is true: its commands exist and its Python runs.

* Every line of a `console`, `bash` or `sh` block of README.md and docs/*.md that starts with
  `make ` or `spikedistill ` (after an optional `$ `) names a real target, command, option and
  recipe. The commands are not run.
* Every `python` block of README.md is run, alone, in an empty folder. Two comments right above a
  block change that:

      <!-- test: skip, because REASON -->

      <!-- test: first
      teacher = ...          code that a reader knows from the context, run before the block
      -->
"""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(
    r"(?:<!-- test: (?P<word>skip|first)(?P<note>.*?)-->\s*\n)?"
    r"^```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, with the comment above it."""

    place: str
    language: str
    text: str
    word: str | None = None
    note: str = ""

    def __str__(self) -> str:
        return self.place


def blocks(text: str, page: str, *languages: str) -> list[Block]:
    """The fenced blocks of a page that are written in one of the languages."""
    found = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("language")) + 1
        word, note, language, body = match.group("word", "note", "language", "text")
        found.append(Block(f"{page}:{line}", language, body, word, note or ""))
    return [block for block in found if block.language in languages]


def commands(block: Block) -> list[list[str]]:
    """The `make` and `spikedistill` lines of a block, as words; `\\` joins lines."""
    lines = block.text.replace("\\\n", " ").splitlines()
    bare = (line.strip().removeprefix("$ ") for line in lines)
    wanted = (line for line in bare if line.startswith(("make ", "spikedistill ")))
    return [shlex.split(line, comments=True) for line in wanted]


ALL = {page: page.read_text("utf-8") for page in PAGES if page.is_file()}
SHELL = [
    (block.place, words)
    for page, text in ALL.items()
    for block in blocks(text, page.name, "console", "bash", "sh")
    for words in commands(block)
]
PYTHON = blocks(ALL.get(ROOT / "README.md", ""), "README.md", "python")


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What `spikedistill COMMAND --help` prints; fails where there is no such command."""
    from spikedistill.cli import main

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr(sys, "argv", ["spikedistill", command, "--help"])
        patch.setenv("COLUMNS", "200")
        main()
    assert not end.value.code, f"there is no `spikedistill {command}`"
    return capsys.readouterr().out


def check_make(words: list[str]) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    wanted = [word for word in words if "=" not in word and not word.startswith("-")]
    assert not set(wanted) - set(targets), f"the Makefile has no {set(wanted) - set(targets)}"


def check_recipe(name: str) -> None:
    if re.fullmatch(r"[a-z0-9-]+", name):  # not a path of the user, not a placeholder
        library = ROOT / "src/spikedistill/recipes/library"
        assert (library / f"{name}.yaml").is_file(), f"there is no recipe {name}"


@pytest.mark.parametrize(("place", "words"), SHELL, ids=[f"{p} {w[:2]}" for p, w in SHELL])
def test_commands_exist(place: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    if words[0] == "make":
        return check_make(words[1:])
    command, rest = words[1], words[2:]
    if command.startswith("-"):
        return None
    text = help_of(command, capsys)
    options = {word.partition("=")[0] for word in rest if word.startswith("--")}
    missing = [option for option in options if option not in text]
    assert not missing, f"{place}: `spikedistill {command}` has no {missing}"
    plain = [word for word in rest if "=" not in word and not word.startswith("-")]
    if command == "run" and plain:
        check_recipe(plain[0])
    return None


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if block.word == "skip":
        pytest.skip(block.note.strip(" ,"))
    monkeypatch.chdir(tmp_path)
    before = block.note if block.word == "first" else ""
    names: dict[str, object] = {"__name__": "readme"}
    exec(compile(before, f"{block.place} (first)", "exec"), names)
    exec(compile(block.text, block.place, "exec"), names)


PAGE = """Words.

<!-- test: skip, because it takes an hour -->
```python
train()
```

<!-- test: first
one = 1
-->
```python
two = one + one
```

```console
$ make demo   # ninety seconds
$ spikedistill run digits-sastc \\
    --out runs/x
elsewhere make demo
```
"""


def test_blocks_and_their_comments() -> None:
    skipped, run = blocks(PAGE, "page", "python")
    assert (skipped.word, skipped.note) == ("skip", ", because it takes an hour ")
    assert (run.word, run.note, run.text) == ("first", "\none = 1\n", "two = one + one\n")
    assert run.place == "page:11"
    (shell,) = blocks(PAGE, "page", "console")
    assert commands(shell) == [
        ["make", "demo"],
        ["spikedistill", "run", "digits-sastc", "--out", "runs/x"],
    ]


def test_wrong_commands_are_noticed() -> None:
    check_make(["demo", "PYTHON=python3.11"])
    with pytest.raises(AssertionError, match="no-such-target"):
        check_make(["no-such-target"])
    with pytest.raises(AssertionError, match="there is no recipe no-such"):
        check_recipe("no-such")
