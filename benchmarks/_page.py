"""Puts the tables of build/bench into the page docs/performance.md, between their markers.

    python benchmarks/_page.py [docs/performance.md] [build/bench]

A marker is `<!-- bench:NAME -->`, its end `<!-- /bench -->`. A table that was not measured leaves
what stands on the page.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from _bench import replace

_MARKED = re.compile(
    r"(<!-- bench:(\w+) -->\n)((?:(?!<!-- bench:).)*?)(<!-- /bench -->)", re.DOTALL
)


def filled(page: str, tables: dict[str, str]) -> str:
    """The page with each table between the markers of its name.

    Raises:
        ValueError: if a table has no markers on the page, or a marker has no end.
    """
    places = [name for _, name, _, _ in _MARKED.findall(page)]
    begun = re.findall(r"<!-- bench:(\w+) -->", page)
    if begun != places:
        broken = ", ".join(name for name in begun if begun.count(name) != places.count(name))
        raise ValueError(f"a table without its <!-- /bench -->: {broken or 'see the page'}")
    homeless = sorted(tables.keys() - set(places))
    if homeless:
        raise ValueError(
            f"no place for the table {homeless[0]}: write <!-- bench:{homeless[0]} --> and "
            "<!-- /bench --> on the page"
        )

    def fill(match: re.Match[str]) -> str:
        begin, name, end = match[1], match[2], match[4]
        return f"{begin}\n{tables[name].strip()}\n\n{end}" if name in tables else match[0]

    return _MARKED.sub(fill, page)


def main() -> None:
    """Fill the page."""
    given = [Path(argument) for argument in sys.argv[1:]]
    page = given[0] if given else Path("docs/performance.md")
    folder = given[1] if len(given) > 1 else Path("build/bench")
    known = re.findall(r"<!-- bench:(\w+) -->", page.read_text(encoding="utf-8"))
    files = [folder / f"{name}.md" for name in known]
    tables = {file.stem: file.read_text(encoding="utf-8") for file in files if file.is_file()}
    try:
        replace(page, filled(page.read_text(encoding="utf-8"), tables))
    except ValueError as fault:
        sys.exit(f"{page}: {fault}")
    print(f"{page}: {', '.join(tables) or 'no table measured yet'}")


if __name__ == "__main__":
    main()
