"""C++ loops, compiled by the machine's C++ compiler, kept in a cache and called through pointers.

A kernel takes half a second to compile and is then found again by every process: its file is
named after its text, the compiler, the flags and the processor.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

_log = logging.getLogger("spikedistill")

FLAGS = (
    "-std=c++17 -O3 -march=native -fopenmp -fPIC -shared "
    "-fno-math-errno -fno-trapping-math -ffp-contract=off"
).split()
"""No fast-math: the loop keeps NaN and agrees with eager torch bit for bit."""

Kernel = Callable[[Sequence[Tensor], Sequence[Tensor], int], None]
"""`kernel(inputs, outputs, places)`: fills the outputs."""


class CannotCompile(Exception):
    """There is no C++ compiler that takes our flags; the message says why."""


def load(text: str) -> Kernel:
    """The function `kernel` of a C++ text (see `emit`), compiled where the cache has it not.

    Raises:
        CannotCompile: if there is no compiler, or it fails.
    """
    name = hashlib.sha256("\n".join([text, *FLAGS, *_machine()]).encode()).hexdigest()[:32]
    path = cache_folder() / f"{name}.so"
    if not path.exists():
        _compile(text, path)
    try:
        library = ctypes.CDLL(str(path))
    except OSError:  # damaged: a disk that was full, a machine that went down
        _compile(text, path)
        library = ctypes.CDLL(str(path))
    return functools.partial(_call, library.kernel)


def _call(
    kernel: Callable[..., None], inputs: Sequence[Tensor], outputs: Sequence[Tensor], places: int
) -> None:
    ins = (ctypes.c_void_p * len(inputs))(*(tensor.data_ptr() for tensor in inputs))
    outs = (ctypes.c_void_p * len(outputs))(*(tensor.data_ptr() for tensor in outputs))
    kernel(ins, outs, ctypes.c_int64(places))


@functools.cache
def cache_folder() -> Path:
    """Where compiled loops are kept: `SPIKEDISTILL_CACHE_DIR`, else the user's cache folder.

    A folder that cannot be written, or that others can write to (what lies there is run), is not
    used; a temporary one takes its place, and a log line says so.
    """
    given = os.environ.get("SPIKEDISTILL_CACHE_DIR")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(given) if given else base / "spikedistill" / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * 65536)
        trouble = _open_to_others(folder)
    except OSError as problem:
        trouble = str(problem)
    if not trouble:
        return folder
    _log.warning(
        "compiled loops cannot be kept in %s (%s), so every process compiles them anew; make it a "
        "folder that only you can write to, or set SPIKEDISTILL_CACHE_DIR.",
        folder,
        trouble,
    )
    keep = tempfile.TemporaryDirectory(prefix="spikedistill-", ignore_cleanup_errors=True)
    _temporary.append(keep)  # removed when the process ends
    return Path(keep.name)


_temporary: list[tempfile.TemporaryDirectory[str]] = []


def _open_to_others(folder: Path) -> str:
    status = folder.stat()
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return "it belongs to another user"
    return "others may write to it" if status.st_mode & stat.S_IWOTH else ""


@functools.cache
def _machine() -> tuple[str, ...]:
    """What a compiled loop depends on besides its text: compiler, processor, torch's OpenMP."""
    processor = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor += next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        pass
    version = subprocess.run([_compiler(), "--version"], capture_output=True, text=True).stdout
    return version.split("\n")[0], platform.machine(), processor, torch.__version__


@functools.cache
def _compiler() -> str:
    for name in (os.environ.get("CXX"), "g++", "clang++", "c++"):
        if name and shutil.which(name):
            return name
    raise CannotCompile("there is no C++ compiler")


def _compile(text: str, path: Path) -> None:
    """Write the library under a temporary name, then rename: other processes may do the same."""
    with tempfile.TemporaryDirectory(prefix="spikedistill-") as place:
        source, built = Path(place) / "kernel.cpp", Path(place) / "kernel.so"
        source.write_text(text)
        command = [_compiler(), *FLAGS, str(source), "-o", str(built)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[0]
            raise CannotCompile(f"the C++ compiler {_compiler()} failed; it said: {said}")
        try:
            handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
            os.close(handle)
            shutil.copyfile(built, temporary)
            os.chmod(temporary, 0o700)
            os.replace(temporary, path)
        except OSError as problem:
            raise CannotCompile(f"{path.parent} took no file: {problem}") from problem
