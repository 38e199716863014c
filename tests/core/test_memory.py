import os
import subprocess
import sys

import pytest
import torch

from spikedistill.core import memory
from spikedistill.core.memory import available, say_bytes


def test_available_memory_is_positive_and_no_more_than_there_is():
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < available(torch.device("cpu")) <= total


def test_what_the_kernel_would_give_back_counts(tmp_path, monkeypatch):
    (tmp_path / "meminfo").write_text("MemFree: 10 kB\nMemAvailable:   20 kB\n", "ascii")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    assert available(torch.device("cpu")) == 20 * 1024
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")
    assert available(torch.device("cpu")) > 0


@pytest.mark.parametrize(
    ("count", "said"), [(1, "1 B"), (1536, "1.5 KiB"), (2**40, "1024.0 GiB"), (2**20, "1.0 MiB")]
)
def test_sizes_are_said_in_the_unit_that_fits(count, said):
    assert say_bytes(count) == said


KEPT = """
import sys, torch
from pathlib import Path
from spikedistill.core.memory import keep_freed_memory
def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20
kept = keep_freed_memory() if sys.argv[1] == "keep" else None
before = resident()
block = torch.ones(64 * 2**18)
del block
print(kept, round(resident() - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="another C library")
@pytest.mark.parametrize(
    ("choice", "variables", "kept", "least", "most"),
    [
        ("keep", {}, "True", 60, 70),
        ("leave", {}, "None", -5, 5),
        ("keep", {"MALLOC_MMAP_MAX_": "65536"}, "False", -5, 5),
    ],
)
def test_a_freed_block_of_64_mib_stays_with_the_process(choice, variables, kept, least, most):
    done = subprocess.run(
        [sys.executable, "-c", KEPT, choice],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    said, grown = done.stdout.split()
    assert said == kept
    assert least <= int(grown) <= most
