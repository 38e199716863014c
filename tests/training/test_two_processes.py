"""Data parallelism over gloo: one training on two processes is the training on one."""

import os
import subprocess
import sys
from pathlib import Path

import torch

SCRIPT = Path(__file__).with_name("two_processes.py")


def launch(folder: Path, processes: int, batch_size: int) -> None:
    folder.mkdir()
    run = [
        sys.executable, "-m", "torch.distributed.run", "--standalone",
        "--nproc-per-node", str(processes), str(SCRIPT), str(folder), str(batch_size),
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_two_processes_stay_equal_and_equal_one_with_the_whole_batch(tmp_path):
    launch(tmp_path / "two", processes=2, batch_size=4)
    launch(tmp_path / "one", processes=1, batch_size=8)
    first, second = (torch.load(tmp_path / "two" / f"rank{rank}.pt") for rank in (0, 1))
    whole = torch.load(tmp_path / "one" / "rank0.pt")
    assert any(key.startswith("objective.losses.mapped") for key in first)
    for key, value in first.items():
        assert torch.equal(value, second[key]), key
        assert torch.allclose(value, whole[key], atol=1e-5), key
