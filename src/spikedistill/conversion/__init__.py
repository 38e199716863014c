"""Ways from one network to another, one file each: twins, copies, and what needs data."""

from __future__ import annotations

import inspect

from spikedistill.core.catalogue import Catalogue
from spikedistill.core.conversion import Conversion

CONVERSIONS = Catalogue(
    __name__,
    "conversion",
    lambda value: inspect.isclass(value) and issubclass(value, Conversion),
    "a class that derives from spikedistill.Conversion",
)
"""All conversions by name."""
