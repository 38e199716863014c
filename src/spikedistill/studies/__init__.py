"""Experiments over many trainings, one file each: which cells they need, and the page they make."""

from spikedistill.studies._registry import Study as Study
from spikedistill.studies._registry import find as find
from spikedistill.studies._registry import names as names
