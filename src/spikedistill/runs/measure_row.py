"""Where a row of the table is made: how good a network is after every step, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from spikedistill.build.data import one_step, split_loader
from spikedistill.core.clock import firing_layers
from spikedistill.core.machine import machine
from spikedistill.core.metric import Metric
from spikedistill.core.row import Row
from spikedistill.costs.operations import macs, parameter_count
from spikedistill.data import DataSet, encoder
from spikedistill.training.costs import operations
from spikedistill.training.evaluate import Evaluation, evaluate
from spikedistill.training.settings import Settings


def measured(
    module: nn.Module,
    timesteps: int,
    data: DataSet,
    encoding: str,
    settings: Settings,
    metrics: list[Callable[[], Metric]],
    **known: Any,
) -> Row:
    """Scores on the test split at T' = 1..T and on the validation split, and costs.

    Measured in float32 whatever the training computed in, so that a figure is the same everywhere.

    Args:
        module: the network, as it was left.
        timesteps: T.
        data: where both splits come from.
        encoding: how inputs become steps.
        settings: batch size and workers.
        metrics: what judges, the main one first.
        known: what else the row says (`role`, `network`, `cell`, ...).
    """
    module.to(machine().device)
    valid, test = (split_loader(data, part, settings) for part in (data.valid, data.test))
    judged, tested = (
        loader and evaluate(module, loader, timesteps, encoder=encoder(encoding), metrics=metrics)
        for loader in (valid, test)
    )
    seen: Evaluation | None = tested or judged
    return Row(
        timesteps=timesteps,
        sub_steps=max((one.fires.high for one in firing_layers(module) if one.fires), default=1),
        metric=seen.metric if seen else "",
        unit=seen.unit if seen else "%",
        higher_is_better=seen.higher_is_better if seen else True,
        scores=tested.scores if tested else {},
        valid=judged.score if judged else None,
        parameters=parameter_count(module),
        macs=macs(module, one_step(data, encoding, timesteps), timesteps),
        firing_rate=tested.firing_rate if tested else None,
        notes=list(seen.notes) if seen else [],
        **operations(module, timesteps, test, encoding),
        **known,
    )
