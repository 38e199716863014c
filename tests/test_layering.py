"""Imports run downward only: the table of docs/design.md, checked in every source file.

Packages on one line of the table never import one another, and the public files of a catalogue
(one publication per file) never import one another either, only private `_*.py` files beside them.
Imports under `TYPE_CHECKING`, inside functions and through `import_module("...")` count too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src"
PACKAGE = "spikedistill"

TABLE = """
functional
core
neurons layers projectors taps
models teachers methods conversion plasticity metrics costs data explain
training pages export tasks
recipes
build
runs analysis planning
grid
studies
cli
"""
LEVELS = {name: level for level, line in enumerate(TABLE.split("\n")) for name in line.split()}
CATALOGUES = {"neurons", "layers", "methods", "conversion", "plasticity", "explain", "tasks"}


def module_name(file: Path) -> str:
    """`src/spikedistill/core/trace.py` -> `spikedistill.core.trace`; a package is its folder."""
    parts = file.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(
    source: str, module: str, is_package: bool, known: set[str]
) -> Iterator[tuple[int, str]]:
    """The line and the module of every import of our own package in a source text."""
    for node in ast.walk(ast.parse(source)):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                keep = len(module.split(".")) - node.level + is_package
                base = ".".join([*module.split(".")[:keep], *filter(None, [base])])
            names = [f"{base}.{alias.name}" for alias in node.names]
            found = [name if name in known else base for name in names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            text = node.args[0] if node.args else None
            found = [str(text.value)] if isinstance(text, ast.Constant) else []
        for name in found:
            if name.split(".")[0] == PACKAGE:
                yield node.lineno, name


def part(module: str, place: int) -> str:
    """Part 1 of a module's name is its unit in the table, part 2 its file; "" where none is."""
    parts = module.split(".")
    return parts[place] if place < len(parts) else ""


def verdict(importer: str, imported: str) -> str | None:
    """Why `importer` may not import `imported`, or None where it may."""
    here, there = part(importer, 1), part(imported, 1)
    if here in ("", "__main__"):
        return None
    if here not in LEVELS:
        return f"{here} has no place in the table of docs/design.md"
    if there == "":
        return f"{here} imports the top of the package, which stands above it"
    if there not in LEVELS:
        return f"{there} has no place in the table of docs/design.md"
    if here != there:
        if LEVELS[there] < LEVELS[here]:
            return None
        way = "beside" if LEVELS[there] == LEVELS[here] else "above"
        return f"{here} imports {imported}, which stands {way} it"
    if here in CATALOGUES and importer != f"{PACKAGE}.{here}":
        file = part(imported, 2)
        if not file.startswith("_") and file != part(importer, 2):
            return f"a file of the catalogue {here} imports {imported}; share a `_private` file"
    return None


def faults(source: str, importer: str, known: set[str], is_package: bool = False) -> list[str]:
    """`line: reason` for every import of a source text that the table forbids."""
    found = sorted(set(imports(source, importer, is_package, known)))
    verdicts = ((line, verdict(importer, name)) for line, name in found)
    return [f"{line}: {reason}" for line, reason in verdicts if reason]


def test_imports_run_downward() -> None:
    files = sorted((SRC / PACKAGE).rglob("*.py"))
    known = {module_name(file) for file in files}
    found = [
        f"{file.relative_to(SRC.parent)}:{fault}"
        for file in files
        for fault in faults(
            file.read_text("utf-8"), module_name(file), known, file.name == "__init__.py"
        )
    ]
    assert files and not found, "\n" + "\n".join(found)


KNOWN = {f"spikedistill.{name}" for name in LEVELS} | {
    "spikedistill.methods.sastc",
    "spikedistill.methods.tser",
    "spikedistill.methods._shared",
}


@pytest.mark.parametrize(
    ("importer", "source", "reason"),
    [
        ("core.loss", "from spikedistill.core.trace import Trace", None),
        ("core.loss", "import torch, spikedistillery", None),
        ("core.loss", "from spikedistill.training.distiller import Distiller", "above"),
        ("core.loss", "from spikedistill import taps", "above"),
        ("core.loss", "import spikedistill", "top"),
        ("methods.sastc", "from spikedistill.models.resnet import ResNet", "beside"),
        ("methods.sastc", "from ..models import resnet", "beside"),
        ("methods.sastc", "from .. import core", None),
        ("methods.sastc", "from .tser import TSER", "catalogue"),
        ("methods.sastc", "from spikedistill.methods import tser", "catalogue"),
        ("methods.sastc", "from spikedistill.methods import SASTC", "catalogue"),
        ("methods.sastc", "from spikedistill.methods._shared import pairs", None),
        ("methods._shared", "from spikedistill.methods.sastc import SASTC", "catalogue"),
        ("taps", "if TYPE_CHECKING:\n    from spikedistill import data", "above"),
        ("taps", "def f():\n    import spikedistill.neurons.lif", "beside"),
        ("core.catalogue", "importlib.import_module('spikedistill.methods')", "above"),
        ("pages.html", "from spikedistill.training import run_folder", "beside"),
        ("stuff", "import spikedistill.core", "no place"),
        ("core.loss", "import spikedistill.stuff", "no place"),
    ],
)
def test_the_reader_of_imports(importer: str, source: str, reason: str | None) -> None:
    found = faults(source, f"spikedistill.{importer}", KNOWN)
    assert len(found) == (reason is not None), found
    assert reason is None or reason in found[0]


def test_a_package_may_gather_its_own_files() -> None:
    source = "from .sastc import SASTC\nfrom ..models import resnet"
    found = faults(source, "spikedistill.methods", KNOWN, is_package=True)
    assert [fault.split(":")[0] for fault in found] == ["2"]
