"""The catalogue of tasks: what is asked of a network, one file each."""

from __future__ import annotations

from spikedistill.core.catalogue import Catalogue
from spikedistill.core.task import Task

TASKS = Catalogue(
    __name__, "task", lambda value: isinstance(value, Task), "an object of spikedistill.Task"
)
"""All tasks by name."""
