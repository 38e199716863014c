"""Where a training runs: accelerate's view of the processes and the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from accelerate import Accelerator

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.layout import channels_last, keep_contiguous, needs_contiguous
from spikedistill.core.speech import remedy
from spikedistill.data import Loader
from spikedistill.training.distiller import Distiller

DATA_SHARE = 0.25
"""The share of a GPU's free memory that a split may take to lie there for the whole training."""


def make_engine(train: Loader) -> Accelerator:
    """Where it is trained.

    Raises:
        SpikedistillError: if there is no batch, or the loader was made for other processes.
    """
    if len(train) < 1:
        raise SpikedistillError(
            f"the training split has fewer samples than one batch of {train.batch_size}; "
            f"lower {remedy('training.batch_size', 'batch_size=')} or give more data"
        )
    engine = Accelerator(cpu=not torch.cuda.is_available())
    if train.world != engine.num_processes:
        raise SpikedistillError(
            f"the training loader was made for {train.world} processes and this run has "
            f"{engine.num_processes}; give the loader its rank and world"
        )
    return engine


def lay_out(distiller: Distiller, loaders: Sequence[Loader], device: torch.device) -> None:
    """Put weights, and on a GPU data, where and in the order in which a step is soonest done."""
    channels_last(distiller)
    for role in distiller.roles.values():
        if needs_contiguous(role.network):
            keep_contiguous(role.network)
    if device.type != "cpu":
        for loader in loaders:  # each copies what it may take of what is then free
            loader.keep_on(device, share=DATA_SHARE)
