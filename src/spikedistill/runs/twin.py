"""From a trained ANN to its spiking twin: the recipe of the main job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spikedistill.build.experiment import Experiment
from spikedistill.core.errors import SpikedistillError
from spikedistill.recipes.schema import Recipe, parse
from spikedistill.runs.budget import epochs_for
from spikedistill.training.run_folder import RunFolder

CONVERTED = "converted"
"""The phase in which the twin is judged as it was made, before training."""
TRAINING: Mapping[str, Any] = {"batch_size": 128, "lr": 0.05, "warmup": 0.3, "clip": 5.0}
LOSSES: tuple[Any, ...] = (
    "cross_entropy",
    {"logit_kd": {"weight": 1.0, "temperature": 4.0}},
    {"twin_features": {"weight": 10.0}},
)
EPOCHS = 10


def twin_entry(timesteps: int, percentile: float = 99.0) -> dict[str, Any]:
    """What a recipe says of the twin that answers after so many binary steps.

    It trains with integers up to `timesteps` in one step (`ilif`), its thresholds set from data.

    Raises:
        SpikedistillError: if there is no step.
    """
    if timesteps < 1:
        raise SpikedistillError(f"a twin answers after at least 1 time step, not {timesteps}")
    neuron = {"ilif": {"k": timesteps, "learned": True}}
    twin = {"neuron": neuron, "thresholds": "data", "percentile": percentile}
    return {"from": "teacher", "by": {"twin": twin}}


def twin_phases(losses: list[Any] | None = None) -> list[dict[str, Any]]:
    """The twin judged as it was made, then trained by its teacher."""
    roles = {
        "student": {"network": "student", "timesteps": 1, "trainable": True},
        "teacher": {"network": "teacher"},
    }
    frozen = {**roles, "student": {"network": "student", "timesteps": 1}}
    return [
        {"name": CONVERTED, "roles": frozen, "losses": [], "training": {"epochs": 0}},
        {"name": "student", "roles": roles, "losses": list(losses or LOSSES)},
    ]


def twin_recipe(
    name: str,
    teacher: Mapping[str, Any],
    data: Any,
    timesteps: int = 2,
    training: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The recipe that makes and distils the twin of a trained network.

    Args:
        name: of the run.
        teacher: what a recipe says of the network, as `{"call": "mynet:resnet", ...}`.
        data: what a recipe says of the data.
        timesteps: T, the binary steps after which the twin answers.
        training: settings other than those of `TRAINING`.
        more: further blocks (`seed`, `augment`).
    """
    return {
        "name": name,
        "description": f"the spiking twin of a trained network, T = {timesteps}",
        "data": data,
        "networks": {"teacher": dict(teacher), "student": twin_entry(timesteps)},
        "training": {"epochs": EPOCHS, **TRAINING, **(training or {})},
        "phases": twin_phases(),
        **more,
    }


def within(
    recipe: Recipe, minutes: float | None, out: Path, make: Callable[[Recipe], Experiment]
) -> Recipe:
    """The recipe with as many epochs as fit into some minutes.

    A run of it that already began keeps the epochs that were found then.

    Args:
        recipe: with any number of epochs.
        minutes: None leaves it as it is.
        out: the run folder.
        make: the experiment of a recipe, for the measurement.

    Raises:
        SpikedistillError: if one epoch takes longer.
    """
    if minutes is None:
        return recipe
    folder = RunFolder(out)
    if (folder / "config.yaml").exists() and folder.result() is None:
        epochs = int(folder.config()["phases"][-1]["training"]["epochs"])
    else:
        epochs = epochs_for(make(recipe), minutes)
    plain = recipe.plain()
    plain["phases"][-1]["training"]["epochs"] = epochs
    return parse(plain, recipe.name)
