"""The catalogue of metrics: how good answers are, one file each."""

from __future__ import annotations

import inspect

from spikedistill.core.catalogue import Catalogue
from spikedistill.core.metric import Metric

METRICS = Catalogue(
    __name__,
    "metric",
    lambda value: inspect.isclass(value) and issubclass(value, Metric),
    "a class that derives from spikedistill.Metric",
)
"""All metrics by name."""
