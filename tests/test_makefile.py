"""What `make demo` does where a demo ran before; the set-up and the command are stand-ins."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COMMAND = """#!/bin/sh
echo "$@"
mkdir -p runs/digits-sastc && touch runs/digits-sastc/config.yaml
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_a_second_demo_goes_on_or_shows_what_there_is(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    tools = tmp_path / ".venv/bin"
    tools.mkdir(parents=True)
    for name, text in (("python", "#!/bin/sh\n"), ("spikedistill", COMMAND)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    stamp = tmp_path / ".venv/.spikedistill-setup"
    stamp.touch()
    os.utime(stamp, (time.time() + 9, time.time() + 9))

    def demo() -> list[str]:
        done = subprocess.run(["make", "demo"], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    first, second = demo(), demo()
    assert first[0] == "run digits-sastc --out runs/digits-sastc"
    assert second[0] == "resume runs/digits-sastc"
    assert "differ with the processor and the number of threads" in first[1] == second[1]
