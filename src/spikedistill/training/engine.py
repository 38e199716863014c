"""Where a training runs: accelerate's view of the processes and the device."""

from __future__ import annotations

import torch
from accelerate import Accelerator

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.speech import remedy
from spikedistill.data import Loader


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
