"""Sections of a report, one file each: what they keep of a network, and what they show."""

from __future__ import annotations

from spikedistill.core.catalogue import Catalogue
from spikedistill.pages.sections._section import Answers as Answers
from spikedistill.pages.sections._section import Gathered as Gathered
from spikedistill.pages.sections._section import Section as Section

SECTIONS = Catalogue(
    __name__,
    "section",
    lambda value: isinstance(value, Section),
    "an object of spikedistill.pages.sections.Section",
)
"""All sections by name."""
ALWAYS = ("attention_maps", "maps", "firing_rates", "energy_by_layer")
"""Those of every task, in their order; a task names its own."""
