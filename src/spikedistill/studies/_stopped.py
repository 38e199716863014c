"""What a finished student costs when it is stopped after T' <= T steps."""

from __future__ import annotations

from pathlib import Path

from spikedistill.analysis.subject import Subject
from spikedistill.build.saved import rebuild
from spikedistill.costs.firing import FiringMeter
from spikedistill.data import spread
from spikedistill.training.costs import COSTED


def stopped(run: Path, data_dir: Path | None) -> list[dict[str, float]]:
    """Firing rate, operations and energy for T' = 1..T, on up to 1,000 test samples."""
    saved = rebuild(run)
    data = saved.data(data_dir)
    some, encoding = spread(data.test, COSTED), saved.card["encoder"]
    subject = Subject(saved.network, saved.timesteps, encoding, some, collate=data.how)
    found = []
    for steps in range(1, saved.timesteps + 1):
        with FiringMeter(saved.network) as firing:
            cost = subject.cost_after(steps, firing)
        found.append({"firing_rate": firing.mean(), **cost})
    return found
