"""A stranger's file: a model."""

from __future__ import annotations

from torch import nn

from spikedistill.models import Plan, blueprint


@blueprint
def small(plan: Plan, hidden: int = 8):
    """One convolution."""
    wide = plan.scaled(hidden)
    return nn.Sequential(
        nn.Conv2d(plan.channels, wide, 3, padding=1),
        plan.norm(wide),
        plan.activation(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(4 * wide, plan.classes),
    )
