"""The first training steps of a new process: JSON on its last line.

python benchmarks/_first_step.py BATCH SIDE WIDTH
"""

from __future__ import annotations

import time

START = time.perf_counter()

import json  # noqa: E402
import sys  # noqa: E402
from functools import partial  # noqa: E402

from _networks import EAGER, OURS, case, variants  # noqa: E402

from spikedistill.functional.compiled import compile_is_on  # noqa: E402
from spikedistill.models.resnet import resnet18  # noqa: E402


def main() -> None:
    """Two steps of ResNet-18, T = 2."""
    B, side, width = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    variant = variants(None)[OURS if compile_is_on() else EAGER]
    ready = case(variant, partial(resnet18, width=width), 2, B, side)
    times = {"before_ms": 1e3 * (time.perf_counter() - START)}
    for name in ("first_ms", "second_ms"):
        start = time.perf_counter()
        ready.train()
        times[name] = 1e3 * (time.perf_counter() - start)
    print(json.dumps(times))


if __name__ == "__main__":
    main()
