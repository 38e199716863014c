"""The networks of a run looked at each for itself, where not all that came from Python are there.

What needs several of them at once, as the attention between a student and its teacher, is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import nn

from spikedistill.analysis.looks import Looking
from spikedistill.build.cells import Cell, cells
from spikedistill.build.facts import Facts
from spikedistill.build.handed_over import root_of
from spikedistill.build.networks import Workshop
from spikedistill.build.saved import rebuild
from spikedistill.core.errors import CameFromPython, SpikedistillError
from spikedistill.core.loss import Loss
from spikedistill.core.row import Row
from spikedistill.data import DataSet
from spikedistill.recipes import parts
from spikedistill.recipes.loss_entry import LossEntry
from spikedistill.recipes.schema import Recipe
from spikedistill.training.manifest import state_hash

HOW = "spikedistill.report(run, network={{{name!r}: ...}}), or --network {name}=module:factory"
"""How a network is handed over to a report."""
APART = "apart"
"""The fact that a look lacks the pictures of losses."""
NO_PICTURES = (
    "no pictures of its losses, which look at all networks of the run together; hand over all that "
    "came from Python, with the weights that they had"
)


@dataclass
class Apart:
    """A look at each network of a run for which there is all that it needs.

    Args:
        looking: keeps what is found.
        recipe: of the run.
        data: of the run.
        handed: the networks that were handed over, by name; they are not changed.
    """

    looking: Looking
    recipe: Recipe
    data: DataSet
    handed: dict[str, nn.Module]

    def all(self, teachers: list[Row]) -> None:
        """Look at the networks that came trained, and at what every finished training left."""
        for row in teachers:
            if ("networks", row.network) in self.looking.left:
                with self.looking.telling(row.network):
                    self._teacher(row)
        for cell in cells(self.recipe):
            for role in cell.judged:
                self._learned(cell, role)

    def _teacher(self, row: Row) -> None:
        workshop = Workshop(
            self.recipe.networks,
            Facts.of(self.data),
            self.recipe.seed,
            find_stages=False,
            networks=dict(self.handed),
        )
        with self._told(row.network):
            network = workshop.network(row.network)
        if state_hash(network) != row.state:
            raise SpikedistillError(
                "the network that was handed over has other weights than the one from which the "
                "run learned, so nothing is shown of its inside; hand over that one"
            )
        self.looking.one(("networks", row.network), network, row.timesteps, None, self.data)

    def _learned(self, cell: Cell, role: str) -> None:
        file = cell.model_file(role)
        name = cell.name if file == "model" else f"{cell.name}-{file}"
        if ("cells", name) not in self.looking.left:
            return
        with self.looking.telling(name):
            path = self.looking.folder.cell(cell.name) / f"{file}.safetensors"
            with self._told(cell.phase.roles[role].network):
                saved = rebuild(path, self.handed)
            data = self.data if cell.phase.data is None else saved.data()
            known = {APART: True} if file == "model" and any(map(_is_drawn, cell.losses)) else {}
            network, steps = saved.network, saved.timesteps
            self.looking.one(("cells", name), network, steps, None, data, **known)
            self.looking.looks.missing += [f"{name}: {NO_PICTURES}"] if known else []

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Say of a network that is not there how it is handed over."""
        try:
            yield
        except CameFromPython as error:
            facts = error.facts.removeprefix(f"network {name!r}: ")
            how = HOW.format(name=root_of(self.recipe.networks, name))
            raise SpikedistillError(f"{facts}; hand it over: {how}") from error


def _is_drawn(entry: LossEntry) -> bool:
    """Whether a loss has pictures."""
    return parts.loss(entry.method).picture is not Loss.picture
