"""The habits of the house that no linter knows, checked over all files of the project."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FILE = 400
LONGEST_FUNCTION = 40  # lines of the body, without the docstring and the signature

# Tests that belong to no single source file; everything in tests/contracts/ is one of them too.
CROSS_CUTTING = {
    "tests/test_benchmarks.py",
    "tests/test_conventions.py",
    "tests/test_layering.py",
    "tests/test_makefile.py",
    "tests/test_public_names.py",
    "tests/test_readme.py",
    "tests/training/test_two_processes.py",
}
PACKAGE_HOSTS = ("pypi" + ".org", "python" + "hosted", "debian" + ".org", "npm" + "js")


@cache
def project_files() -> tuple[str, ...]:
    """Every file that is tracked or would be, as a path from the root of the project."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"git cannot list the files of the project: {done.stderr.strip()}")
    return tuple(name for name in done.stdout.splitlines() if (ROOT / name).is_file())


def python_files(*folders: str) -> Iterator[tuple[str, str, ast.Module]]:
    """Name, text and syntax tree of the Python files of some folders (default: of all)."""
    for name in project_files():
        if name.endswith(".py") and name.startswith(folders or ""):
            text = (ROOT / name).read_text("utf-8")
            yield name, text, ast.parse(text, name)


def report(found: list[str]) -> None:
    """Fail with all faults at once."""
    if found:
        pytest.fail("\n".join(["", *found]), pytrace=False)


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the end, blanks included."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def defines(statement: ast.stmt) -> bool:
    """Whether a statement makes something of its own that may carry annotations."""
    return isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AnnAssign)


def unsafe_reading(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Calls that may run what lies in a file: unpickling, and yaml.load."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        options = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if called in ("pickle.load", "pickle.loads", "yaml.load", "pickle.Unpickler"):
            yield node.lineno, f"{called} runs what a file says"
        if called == "torch.load" and options.get("weights_only") != "True":
            yield node.lineno, "torch.load without weights_only=True"
        if options.get("allow_pickle", "False") != "False":
            yield node.lineno, f"{called} with allow_pickle"


def test_files_are_short() -> None:
    sizes = {name: len(text.splitlines()) for name, text, _ in python_files()}
    report(
        [
            f"{f} has {n} lines, more than {LONGEST_FILE}"
            for f, n in sizes.items()
            if n > LONGEST_FILE
        ]
    )


def test_functions_are_short() -> None:
    functions = (
        (name, node)
        for name, _, tree in python_files()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    report(
        [
            f"{name}:{node.lineno}: {node.name} has {body_lines(node)} lines, more than "
            f"{LONGEST_FUNCTION}"
            for name, node in functions
            if body_lines(node) > LONGEST_FUNCTION
        ]
    )


def test_no_file_is_named_utils() -> None:
    dumps = ("utils.py", "_utils.py", "helpers.py", "misc.py")
    report([f"{name}: say what it is for" for name in project_files() if name.endswith(dumps)])


def test_every_source_file_begins_with_its_purpose() -> None:
    found = []
    for name, text, tree in python_files("src/"):
        if ast.get_docstring(tree) is None:
            found.append(f"{name} has no docstring")
        elif any(map(defines, tree.body)) and "from __future__ import annotations" not in text:
            found.append(f"{name} has no `from __future__ import annotations`")
    report(found)


def test_no_file_of_a_user_is_ever_executed() -> None:
    report(
        [
            f"{name}:{line}: {what}"
            for name, _, tree in python_files("src/")
            for line, what in unsafe_reading(tree)
        ]
    )


def test_only_the_command_line_prints() -> None:
    may = ("src/spikedistill/cli/", "src/spikedistill/pages/")
    report(
        [
            f"{name}:{node.lineno}: print belongs in cli/ and pages/"
            for name, _, tree in python_files("src/")
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and ast.unparse(node.func) == "print"
            and not name.startswith(may)
        ]
    )


def test_no_package_host_is_named() -> None:
    found = []
    for name in project_files():
        text = (ROOT / name).read_text("utf-8", errors="ignore")
        found += [f"{name} names {host}" for host in PACKAGE_HOSTS if host in text]
    report(found)


def test_tests_mirror_the_source_tree() -> None:
    found = []
    for name in project_files():
        if not name.startswith("tests/") or not name.endswith(".py"):
            continue
        folder, _, file = name.removeprefix("tests/").rpartition("/")
        if file == "__init__.py":
            found.append(f"{name}: tests are no package (pytest runs with importmode=importlib)")
        if not file.startswith("test_") or folder == "contracts" or name in CROSS_CUTTING:
            continue
        source = ROOT / "src/spikedistill" / folder
        file = file.removeprefix("test_")
        if not (source / file).is_file() and not (source / f"_{file}").is_file():
            found.append(
                f"{name} tests no {(source / file).relative_to(ROOT)}; rename it, or list it in "
                "CROSS_CUTTING of tests/test_conventions.py"
            )
    report(found)


def test_every_method_has_its_test() -> None:
    files = set(project_files())
    methods = (n for n in files if n.startswith("src/spikedistill/methods/") and n.endswith(".py"))
    public = [n.rpartition("/")[2] for n in methods if "/_" not in n]
    wanted = sorted(f"tests/methods/test_{name}" for name in public)
    report([f"{test} is missing" for test in wanted if test not in files])


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("def f():\n    return 1", 1),
        (
            'def f(\n    a,\n):\n    """One.\n\n    Two."""\n    # why\n    a = 1\n\n    return a',
            3,
        ),
        ('def f():\n    """Only words."""', 0),
    ],
)
def test_the_lines_of_a_body(source: str, lines: int) -> None:
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert body_lines(function) == lines


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("torch.load(f, weights_only=True)", 0),
        ("torch.load(f)", 1),
        ("torch.load(f, weights_only=flag)", 1),
        ("pickle.loads(b)", 1),
        ("yaml.safe_load(t); json.load(f); np.load(f, allow_pickle=False)", 0),
        ("yaml.load(t, Loader=L); np.load(f, allow_pickle=True)", 2),
    ],
)
def test_unsafe_reading_is_seen(source: str, faults: int) -> None:
    assert len(list(unsafe_reading(ast.parse(source)))) == faults
