"""This process among those of a run, and its device."""

from __future__ import annotations

import torch
from accelerate import PartialState


def machine() -> PartialState:
    """This process among those of the run, and its device."""
    return PartialState(cpu=not torch.cuda.is_available())
