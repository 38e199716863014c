"""Experiments over many trainings, one file each: which cells they need, and the page they make."""

from spikedistill.studies._registry import STUDIES as STUDIES
from spikedistill.studies._registry import Study as Study
