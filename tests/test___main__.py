"""`python -m spikedistill` is the command line."""

import subprocess
import sys


def test_the_package_is_run_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "spikedistill", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "resume" in done.stdout
