"""What `study` and `compare` have in common: run what is missing, then show the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikedistill.cli._shield import STOPPED, console, say

if TYPE_CHECKING:
    from spikedistill.grid.grid import Grid
    from spikedistill.grid.points import Point
    from spikedistill.grid.store import Store
    from spikedistill.pages.page import Page

    Write = Callable[[Sequence[tuple[Point, dict[str, Any]]], Path], Page]

Seeds = Annotated[int, typer.Option(min=1, help="How many, from the recipe's on.")]
GridOut = Annotated[Path | None, typer.Option(help="Folder of runs and page; default in runs/.")]
GridResults = Annotated[
    Path | None, typer.Option(help="Where finished cells are kept; default OUT/cells.")
]
Cells = Annotated[
    int | None, typer.Option(min=0, help="Train at most so many now; 0: only write the page.")
]
ReadOnly = Annotated[
    bool, typer.Option("--dry-run", help="List the cells and which are there; train nothing.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the page.")]


def kept(folder: Path, results: Path | None) -> Store:
    """Where the finished cells are."""
    from spikedistill.grid.store import Store

    return Store(results or folder / "cells")


def do(
    points: Sequence[Point],
    write: Write,
    folder: Path,
    store: Store,
    data_dir: Path | None,
    cells: int | None,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run a grid of points and write its page."""
    from spikedistill.core.errors import SpikedistillError
    from spikedistill.grid.grid import Grid
    from spikedistill.training.interrupt import Interrupted
    from spikedistill.training.progress import Live, Silent

    with Silent() if quiet else Live(console(stderr=True)) as progress:
        grid = Grid(folder, store, data_dir, progress)
        if dry_run:
            _list(grid, points, as_json)
            return
        try:
            failed = grid.run(points, cells)
        except (Interrupted, KeyboardInterrupt):
            say("\nStopped; finished cells are kept. Go on with the same command.")
            raise typer.Exit(STOPPED) from None
    left = len(grid.missing(points))
    page = _written(grid, points, write)
    if as_json:
        facts = {"folder": str(folder), "missing": left, "failed": failed}
        print(json.dumps(page.plain() | facts, indent=2))
    else:
        _show(page, folder, left)
    if failed:
        raise SpikedistillError("; ".join(failed))


def _list(grid: Grid, points: Sequence[Point], as_json: bool) -> None:
    from spikedistill.grid.points import unique

    missing = {point.key for point in grid.missing(points)}
    rows = [
        {"key": point.key, "cell": point.title, "there": point.key not in missing}
        for point in unique(points)
    ]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    from rich.table import Table

    table = Table(title=f"{len(rows) - len(missing)} of {len(rows)} cells are there")
    for name in ("cell", "key", "there"):
        table.add_column(name)
    for row in rows:
        table.add_row(row["cell"], row["key"], "yes" if row["there"] else "")
    console().print(table)


def _written(grid: Grid, points: Sequence[Point], write: Write) -> Page:
    """The page of the cells that are there, as `page.json` and `page.md` beside its pictures."""
    from spikedistill.pages.page import FILE
    from spikedistill.training.run_folder import RunFolder

    folder = RunFolder(grid.folder)
    folder.path.mkdir(parents=True, exist_ok=True)
    page = write(grid.cells(points), folder.path)
    folder.write_json(FILE, page.plain())
    folder.write_text("page.md", page.markdown())
    return page


def _show(page: Page, folder: Path, left: int) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table as Drawn

    from spikedistill.cli._tables import draw
    from spikedistill.pages.page import Picture, Table

    out = console()
    for part in page.parts:
        if isinstance(part, Picture):
            continue
        if isinstance(part, str):
            out.print(part, highlight=False, markup=False)
            continue
        if not part.rows:
            continue
        drawn = Drawn(title=part.caption, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        for name, words in zip(part.columns, part.words(), strict=True):
            drawn.add_column(name, justify="left" if words else "right", overflow="fold")
        for row in part.rows:
            cells = map(escape, row)
            drawn.add_row(*(map(_bold, cells) if out.is_terminal else cells))  # a file shows **x**
        assert isinstance(part, Table)
        draw(out, drawn)
    if left:
        cells = "1 cell is" if left == 1 else f"{left} cells are"
        out.print(f"\n{cells} missing; the same command goes on.")
    out.print(f"\nThe page lies in {folder}: page.md, page.json and pictures.", highlight=False)
    out.print(f"As one HTML file: spikedistill report {folder}", highlight=False)


def _bold(text: str) -> str:
    """`**x**` as rich writes it."""
    return f"[bold]{text[2:-2]}[/bold]" if text.startswith("**") and text.endswith("**") else text
