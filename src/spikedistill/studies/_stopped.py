"""What a finished student costs when it is stopped after T' <= T steps."""

from __future__ import annotations

from pathlib import Path

from spikedistill.data._dataset import spread
from spikedistill.metrics.firing import FiringMeter
from spikedistill.recipes.fewer_steps import cost_after
from spikedistill.recipes.judge import COSTED
from spikedistill.recipes.rebuild import rebuild
from spikedistill.recipes.watched import Watched


def stopped(run: Path, data_dir: Path | None) -> list[dict[str, float]]:
    """Firing rate, operations and energy for T' = 1..T, on up to 1,000 test images."""
    saved = rebuild(run)
    images = spread(saved.data(data_dir).test, COSTED)
    watched = Watched(saved.network, saved.timesteps, saved.card["encoder"], images)
    found = []
    for steps in range(1, saved.timesteps + 1):
        with FiringMeter(saved.network) as firing:
            cost = cost_after(watched, steps)
        found.append({"firing_rate": firing.mean(), **cost})
    return found
