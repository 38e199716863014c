"""A small network for the 8x8 digits of scikit-learn, with three stages as its larger relatives."""

from __future__ import annotations

from functools import partial

from torch import nn

from spikedistill.models._network import Network, conv3x3, head, stage_taps
from spikedistill.models._plan import Plan, blueprint


@partial(blueprint, channels=1)
def digits(plan: Plan) -> Network:
    """Three stages of 16, 32 and 64 channels on grids of 8, 4 and 2; 36 k parameters."""
    w1, w2, w3 = (plan.scaled(base) for base in (16, 32, 64))

    def unit(before: int, to: int, stride: int) -> list[nn.Module]:
        return [conv3x3(before, to, stride), plan.norm(to), plan.activation()]

    layers: dict[str, nn.Module] = {
        "layer1": nn.Sequential(*unit(plan.channels, w1, 1), *unit(w1, w1, 1)),
        "layer2": nn.Sequential(*unit(w1, w2, 2), *unit(w2, w2, 1)),
        "layer3": nn.Sequential(*unit(w2, w3, 2)),
    }
    return Network(layers | head(w3, plan.classes), stage_taps(3))
