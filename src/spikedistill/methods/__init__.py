"""The catalogue of losses: one publication, one file."""

from __future__ import annotations

import inspect

from spikedistill.core.catalogue import Catalogue
from spikedistill.core.loss import Loss

METHODS = Catalogue(
    __name__,
    "method",
    lambda value: inspect.isclass(value) and issubclass(value, Loss),
    "a class that derives from spikedistill.Loss",
)
"""All methods by name."""
