"""How much memory there is, how to say a size, and who keeps what is freed."""

from __future__ import annotations

import ctypes
import functools
import os
from pathlib import Path

import torch

_MEMINFO = Path("/proc/meminfo")


def available(device: torch.device) -> int:
    """Bytes of memory that can be had on a device now; of the machine for a CPU."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if _MEMINFO.exists():  # counts what the kernel would give back, which sysconf does not
        for line in _MEMINFO.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def say_bytes(count: float) -> str:
    """A size for a message.

    Example:
        >>> say_bytes(512), say_bytes(3 * 2**20), say_bytes(1.5 * 2**30)
        ('512 B', '3.0 MiB', '1.5 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"


_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of mallopt, in malloc.h of the GNU C library


@functools.cache
def keep_freed_memory() -> bool:
    """Let this process keep the memory that its tensors free for the tensors that come next.

    The GNU C library hands blocks of 32 MiB and more back to the system and fetches the next one
    page by page, which takes several times as long as a layer of neurons takes to fill it. From
    this call on the process keeps what it had at its peak. Does nothing with another C library,
    or where the environment sets `MALLOC_MMAP_MAX_` or `MALLOC_TRIM_THRESHOLD_`.

    Returns:
        Whether memory is kept.
    """
    if {"MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_"} & os.environ.keys():
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, -1))
