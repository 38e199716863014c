"""`spikedistill doctor`: what is installed, which path is fast, what is missing."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Annotated

import typer

from spikedistill.cli._options import DataDir
from spikedistill.cli._shield import console, shielded

NAME = "doctor"
EXAMPLE = "spikedistill doctor --data-dir ~/data"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    found: str
    good: bool
    remedy: str = ""
    """The line that puts it right; empty where nothing is missing."""


@shielded
def command(
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")] = False,
) -> None:
    """Say what is installed, which path is fast here, and how to get what is missing."""
    findings = [*_packages(), *_compiler(), *_speed(), *_data(data_dir)]
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
        return
    from rich.table import Table

    table = Table("", "what", "found", "what to do", box=None)
    for one in findings:
        table.add_row("ok" if one.good else "--", one.what, one.found, one.remedy)
    console().print(table)


def _packages() -> Iterator[Finding]:
    good = sys.version_info >= (3, 11)
    remedy = "" if good else "install Python 3.11 or newer"
    yield Finding("python", platform.python_version(), good, remedy)
    wanted = requires("spikedistill") or []
    plain = [line for line in wanted if "extra ==" not in line]
    for line in plain:
        name = line.split(";")[0]
        for mark in "<>=!~[ ":
            name = name.split(mark)[0]
        try:
            yield Finding(name, version(name), True)
        except PackageNotFoundError:
            yield Finding(name, "missing", False, f"pip install '{line.split(';')[0].strip()}'")


def _compiler() -> Iterator[Finding]:
    names = [os.environ.get("CXX"), "g++", "clang++"]
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    mac = platform.system() == "Darwin"
    remedy = "xcode-select --install" if mac else "sudo apt-get install g++"
    if found:
        yield Finding("C++ compiler", f"{found}: loops of neurons are compiled", True)
    else:
        text = "none: neurons run eagerly, several times slower"
        yield Finding("C++ compiler", text, False, remedy)
    if os.environ.get("SPIKEDISTILL_COMPILE", "1") == "0":
        text = "SPIKEDISTILL_COMPILE=0 switches it off"
        yield Finding("compiled neurons", text, False, "unset SPIKEDISTILL_COMPILE")


def _speed() -> Iterator[Finding]:
    import torch

    from spikedistill.training.precision import bf16_is_fast, bf16_speed

    if torch.cuda.is_available():
        yield Finding("accelerator", torch.cuda.get_device_name(), True)
        fast, text = bf16_is_fast("cuda"), "on the accelerator"
    else:
        yield Finding("accelerator", "none; this runs on the CPU", True)
        fast, text = bf16_is_fast("cpu"), f"{bf16_speed():.1f} times as fast as float32"
    used = "bf16" if fast else "fp32"
    yield Finding("bf16", f"{text}: precision auto means {used} here", True)
    yield Finding("threads", f"{torch.get_num_threads()} of {os.cpu_count()} cores", True)


def _data(data_dir: Path | None) -> Iterator[Finding]:
    from spikedistill.data import DATA, VARIABLE, Form, data_root, located

    root = data_root(data_dir)
    there = root.is_dir()
    remedy = "" if there else f"export {VARIABLE}=FOLDER"
    yield Finding("data folder", str(root) if there else f"{root} does not exist", there, remedy)
    for name in DATA.names():
        module = DATA.module(name)
        forms = [value for value in vars(module).values() if isinstance(value, Form)]
        places = [(path, form) for form in forms for path in (root / form.folder, root)]
        found = next(
            (path for path, form in places
             if all(located(path, file.name) for file in form.files)), None)  # fmt: skip
        if found is not None:
            yield Finding(f"data: {name}", str(found), True)
        elif forms:
            remedy = f"unpack its official archive to {root / forms[0].folder}"
            yield Finding(f"data: {name}", "not found", False, remedy)
        elif name == "digits":
            yield Finding(f"data: {name}", "comes with scikit-learn", True)
