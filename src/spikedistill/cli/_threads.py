"""How long threads wait for work before they sleep."""

from __future__ import annotations

import os

_SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def let_threads_wait_briefly() -> None:
    """Let a thread that waits for work spin for a few microseconds and then sleep.

    Must be called before torch is imported; what the user has set stays. Spinning for long,
    OpenMP's default, makes steps of small networks several times slower where others use the
    machine too; sleeping at once makes every small operation wait until a thread wakes up, which
    costs the gaps of SASTC two to four times their time on a quiet one.
    """
    if not any(name in os.environ for name in _SETTINGS):
        os.environ["GOMP_SPINCOUNT"] = "1000"  # of GNU's OpenMP, in rounds
        os.environ["KMP_BLOCKTIME"] = "1"  # of LLVM's and Intel's, in milliseconds
