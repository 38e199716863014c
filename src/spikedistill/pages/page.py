"""A page of text, tables and pictures, kept as JSON and written as Markdown."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spikedistill.core.errors import SpikedistillError

FILE = "page.json"
_WORDS = re.compile(r"\(?[^\W\d]|\d+: ")


@dataclass(frozen=True)
class Table:
    """A table; cells are text, in which `**...**` is bold."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def words(self) -> list[bool]:
        """Which columns hold words, and not numbers.

        Example:
            >>> Table("", ("hint", "accuracy"), [["none", "70.1"], ["(teacher)", "?"]]).words()
            [True, False]
        """
        return [
            any(_WORDS.match(row[number]) for row in self.rows)
            for number in range(len(self.columns))
        ]


@dataclass(frozen=True)
class Picture:
    """A picture file beside the page, and what it shows in words."""

    file: str
    alt: str


@dataclass
class Page:
    """A title and parts in their order: paragraphs (text), tables and pictures."""

    name: str
    title: str
    parts: list[str | Table | Picture] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        kinds = {Table: "table", Picture: "picture"}
        parts = [
            {"text": part} if isinstance(part, str) else {kinds[type(part)]: asdict(part)}
            for part in self.parts
        ]
        return {"name": self.name, "title": self.title, "parts": parts}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Page:
        """The page as JSON kept it."""
        parts: list[str | Table | Picture] = []
        for part in plain["parts"]:
            if "text" in part:
                parts.append(part["text"])
            else:
                parts.append(
                    Table(**part["table"]) if "table" in part else Picture(**part["picture"])
                )
        return cls(plain["name"], plain["title"], parts)

    def markdown(self, level: int = 1) -> str:
        """As Markdown, the title as a heading of this level."""
        blocks = [f"{'#' * level} {self.title}"]
        for part in self.parts:
            if isinstance(part, str):
                blocks.append(part)
            elif isinstance(part, Picture):
                blocks.append(f"![{part.alt}]({part.file})")
            else:
                blocks.append(_markdown(part))
        return "\n\n".join(blocks) + "\n"


@dataclass(frozen=True)
class Shown:
    """A page that was read from its folder."""

    path: Path
    page: Page
    pictures: Mapping[str, str]
    """File name -> the picture as a `data:` address."""
    missing: tuple[str, ...]
    """A sentence for each picture that is not there."""


def read_page(folder: Path) -> Shown:
    """The page of a study or comparison, with its pictures.

    Raises:
        SpikedistillError: if its file is damaged.
    """
    try:
        plain = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if not isinstance(plain, dict):
            raise TypeError("it holds no mapping")
        page = Page.from_plain(plain)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpikedistillError(
            f"{folder / FILE} cannot be read ({error}); write it again with the command that made "
            "it: finished cells are not trained again"
        ) from error
    pictures, missing = {}, []
    for part in page.parts:
        if isinstance(part, Picture):
            try:
                content = (folder / Path(part.file).name).read_bytes()
            except OSError:
                missing.append(f"The picture {part.file} is not in {folder}.")
                continue
            pictures[part.file] = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return Shown(folder, page, pictures, tuple(missing))


def _markdown(table: Table) -> str:
    rows = [table.columns, ["---"] * len(table.columns), *table.rows]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([*([f"{table.caption}:", ""] if table.caption else []), *lines])
