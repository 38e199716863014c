"""The optimiser and its learning rate as plain functions of the settings."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from spikedistill.training.settings import Settings


def build_optimizers(
    module: nn.Module,
    settings: Settings,
    own: Mapping[str, Mapping[str, Any]],
    networks: Mapping[str, nn.Module],
) -> list[tuple[torch.optim.Optimizer, Settings]]:
    """One optimiser for all that learns, and one for each role with settings of its own.

    Args:
        module: everything that learns.
        settings: of the phase.
        own: role -> what is different for its network.
        networks: role -> its network.

    Returns:
        Each optimiser with its settings; that of the phase first, where it has anything to do.
    """
    taken: set[int] = set()
    found: list[tuple[torch.optim.Optimizer, Settings]] = []
    for role, changes in own.items():
        mine = replace(settings, **changes)
        found.append((build_optimizer(networks[role], mine, taken), mine))
        taken |= {id(parameter) for parameter in networks[role].parameters()}
    rest = [p for p in module.parameters() if p.requires_grad and id(p) not in taken]
    if rest or not found:
        found.insert(0, (build_optimizer(module, settings, taken), settings))
    return found


def build_optimizer(
    module: nn.Module, settings: Settings, without: Collection[int] = ()
) -> torch.optim.Optimizer:
    """SGD or AdamW over everything in `module` that learns, but for what others optimise.

    With `decay: weights`, weight decay acts on matrices and kernels only: norms, biases and single
    numbers (a neuron's time constant) have fewer than two axes.
    """
    learned = [
        parameter
        for parameter in module.parameters()
        if parameter.requires_grad and id(parameter) not in without
    ]
    if settings.decay == "all":
        groups = [{"params": learned, "weight_decay": settings.weight_decay}]
    else:
        kernels = [parameter for parameter in learned if parameter.dim() > 1]
        others = [parameter for parameter in learned if parameter.dim() <= 1]
        groups = [
            {"params": kernels, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
    groups = [group for group in groups if group["params"]]
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=settings.lr, betas=(settings.momentum, 0.999))
    return torch.optim.SGD(
        groups, lr=settings.lr, momentum=settings.momentum, nesterov=settings.nesterov
    )


def learning_rate(settings: Settings, epoch: float) -> float:
    """The learning rate after `epoch` epochs, a fraction within an epoch included.

    Example:
        >>> half = Settings(epochs=10, lr=0.1, warmup=1.0)
        >>> [round(learning_rate(half, epoch), 4) for epoch in (0.5, 1.0, 5.5, 10.0)]
        [0.05, 0.1, 0.05, 0.0]
    """
    if epoch < settings.warmup:
        return settings.lr * epoch / settings.warmup
    if settings.schedule == "constant":
        return settings.lr
    if settings.schedule == "step":
        return settings.lr * settings.gamma ** sum(epoch >= mark for mark in settings.milestones)
    share = (epoch - settings.warmup) / max(settings.epochs - settings.warmup, 1e-9)
    return settings.lr * (1 + math.cos(math.pi * min(share, 1.0))) / 2
