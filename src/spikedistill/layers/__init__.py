"""Layers around neurons, one file each: norms, and modules that stand beside neurons."""

from __future__ import annotations

import inspect
import sys

from torch import nn

from spikedistill.core import normalized
from spikedistill.core.catalogue import Catalogue

LAYERS = Catalogue(
    __name__,
    "layer",
    lambda value: (
        inspect.isfunction(value) or (inspect.isclass(value) and issubclass(value, nn.Module))
    ),
    "a class of torch.nn.Module, or a function that makes one",
)
"""All layers by name."""

sys.modules[f"{__name__}.normalized"] = normalized  # where code of users still imports it from
