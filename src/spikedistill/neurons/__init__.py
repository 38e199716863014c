"""Spiking neurons, one file each, and their options."""

from __future__ import annotations

import inspect

from spikedistill.core.catalogue import Catalogue
from spikedistill.neurons._base import Neuron as Neuron

NEURONS = Catalogue(
    __name__,
    "neuron",
    lambda value: inspect.isclass(value) and issubclass(value, Neuron),
    "a class that derives from spikedistill.Neuron",
)
"""All neurons by name."""
