"""Warnings of libraries that tell users of the command line nothing that they could act on."""

from __future__ import annotations

import os
import sys
import warnings

HIDDEN: tuple[tuple[str, type[Warning]], ...] = (
    # of torch.utils.data, once for each split and epoch, where training.workers exceeds the cores
    (r"This DataLoader will create \d+ worker processes", UserWarning),
    # of torch.load, about weights that it then reads, or that we refuse with a sentence
    (r"Detected pickle protocol \d+ in the checkpoint", UserWarning),
    # of torch's own compiler, about torch
    (r"`torch\.jit\.\w+` is deprecated", DeprecationWarning),
)
"""The beginning of each message, and its kind. Each was seen in a command of ours."""


def keep_library_warnings() -> None:
    """Let no warning of `HIDDEN` through, unless the user asked for warnings (`-W`, `--debug`)."""
    if sys.warnoptions or os.environ.get("SPIKEDISTILL_DEBUG", "0") != "0":
        return
    for message, category in HIDDEN:
        warnings.filterwarnings("ignore", message, category)
