"""What a run would take and do, said before anything starts; without its data too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spikedistill.build.cells import settled
from spikedistill.build.data import build_data
from spikedistill.build.experiment import Experiment
from spikedistill.build.networks import find_weights
from spikedistill.core.errors import MissingDataError, SpikedistillError
from spikedistill.data import DataSet, known
from spikedistill.planning.devices import DEVICES
from spikedistill.planning.plan import plan
from spikedistill.recipes.schema import Recipe
from spikedistill.recipes.weights_entry import file_and_key
from spikedistill.training.progress import Silent

DEVICE = "h200"
"""The GPU of the estimate: the full-size recipes fit on one of these."""


def dry_run(
    recipe: Recipe, data_dir: Path | str | None = None, progress: Silent | None = None
) -> dict[str, Any]:
    """Estimate what a recipe takes on one GPU, and build all of it where its files are there.

    Args:
        recipe: what would be run.
        data_dir: where data sets and weights lie.
        progress: the display.

    Returns:
        What `planning.plan.plan` returns for `DEVICE`, and `missing`: a sentence for each thing
        that was not found, for which reason nothing was built with true data.

    Raises:
        SpikedistillError: if something cannot be built, or data are missing whose sizes only the
            files know.
    """
    data, missing = _there(recipe, data_dir)
    found = plan(recipe, data_dir, measure=None, device=DEVICES[DEVICE])
    if not missing:
        say = (progress or Silent()).say
        Experiment(settled(recipe), data_dir, say, data=data).check()  # type: ignore[arg-type]
    return found | {"missing": missing}


def _there(recipe: Recipe, data_dir: Path | str | None) -> tuple[DataSet | None, list[str]]:
    """The data of a recipe where they are there, and a sentence for each file that is not."""
    data, missing = None, []
    try:
        data = build_data(recipe.data, data_dir, recipe.seed)
    except MissingDataError as error:
        if recipe.data.kind != "name" or known(recipe.data.name, recipe.data.options) is None:
            raise
        missing.append(str(error))
    for entry in recipe.networks.values():
        if entry.weights is not None:
            try:
                find_weights(file_and_key(entry.weights)[0], data_dir)
            except SpikedistillError as error:
                missing.append(str(error))
    return data, missing
