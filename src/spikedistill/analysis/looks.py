"""A look at one network of a run, kept in the run folder; and what is known of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from spikedistill.analysis.examine_network import examine_network
from spikedistill.analysis.subject import Subject
from spikedistill.build.data import task_of
from spikedistill.core.errors import SpikedistillError
from spikedistill.data import DataSet, length, spread
from spikedistill.pages.examined import Examined
from spikedistill.training.progress import Silent
from spikedistill.training.run_folder import RunFolder

IMAGES = 1000
"""Test images that are looked at; and, in whole batches, validation images for attention."""

Key = tuple[str, str]
"""`("cells", name)`, or `("networks", name)` for a network that came trained."""


@dataclass
class Examinations:
    """What is known of the networks of a run, and in sentences what is not."""

    found: dict[Key, Examined] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def sections_of(data: DataSet) -> tuple[str, ...]:
    """The sections of the report that belong to the task of some data."""
    return task_of(data).sections


@dataclass
class Looking:
    """Looks at networks of a run one by one, and keeps what it finds.

    Args:
        folder: of the run.
        encoding: how samples become steps.
        left: what has not been looked at, with the hashes of what a look depends on.
        looks: gets what is found, and what goes wrong.
        progress: gets a sentence for each network.
    """

    folder: RunFolder
    encoding: str
    left: Mapping[Key, dict[str, Any]]
    looks: Examinations
    progress: Silent

    @contextmanager
    def telling(self, name: str) -> Iterator[None]:
        """Turn what goes wrong with one network into a sentence."""
        try:
            yield
        except (SpikedistillError, OSError) as error:
            self.looks.missing.append(f"{name}: {error}")

    def one(
        self,
        key: Key,
        network: nn.Module,
        timesteps: int,
        more: Examinations | None,
        data: DataSet,
        **known: Any,
    ) -> None:
        """Look at a network, and keep that beside what is known of its losses (`more`)."""
        self.progress.say(f"looking at {key[1]}")
        some = spread(data.test, IMAGES)
        subject = Subject(network, timesteps, self.encoding, some, collate=data.how)
        looked = examine_network(subject, sections_of(data))
        facts = {
            **self.left[key],
            "task": data.task,
            "timesteps": timesteps,
            "classes": list(data.classes),
            "test_images": length(data.test),
            **looked.facts,
            **known,
            "pictures": [],
        }
        arrays = dict(looked.arrays)
        for picture in more.found.values() if more else ():
            facts["pictures"] += picture.facts["pictures"]
            arrays |= picture.arrays
        whole = Examined(facts, arrays)
        whole.write(self.folder / "examined" / key[0], key[1])
        self.looks.found[key] = whole
