"""The losses of a recipe, seated between described roles, and all that runs in a phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import nn

from spikedistill.build.data import task_of
from spikedistill.build.networks import seeded
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.objective import Objective, Role, Term
from spikedistill.core.spec import Spec
from spikedistill.core.speech import remedy
from spikedistill.core.trace import Batch
from spikedistill.core.tree import leaves
from spikedistill.data import DataSet, class_counts, encoder
from spikedistill.methods import METHODS
from spikedistill.recipes import parts
from spikedistill.recipes.loss_entry import LossEntry
from spikedistill.recipes.schema import RoleEntry
from spikedistill.training.distiller import Distiller, describe

Known = dict[tuple[str, int, tuple[tuple[int, ...], ...]], Spec]
"""What networks look like, by name, T and the shapes of their inputs."""


def build_specs(
    roles: Mapping[str, RoleEntry],
    networks: Mapping[str, nn.Module],
    batch: Batch,
    encoding: str,
    data: DataSet,
    counts: tuple[int, ...] | None = None,
    known: Known | None = None,
) -> dict[str, Spec]:
    """What each role looks like on a real batch.

    Args:
        roles: name -> how a network is run.
        networks: by name.
        batch: of the size that training will use.
        encoding: how samples become steps.
        data: of the phase.
        counts: training samples of each class; None: counted in the data.
        known: what was seen of these networks before and did not change; more is put in.

    Raises:
        SpikedistillError: if a network does not take the inputs, or its outputs are not those of
            the task.
    """
    classes = len(data.classes) or None
    counts = class_counts(data) if counts is None else counts
    specs: dict[str, Spec] = {}
    for name, role in roles.items():
        where = f"the {name} (network {role.network!r})"
        try:
            seen = _seen(name, role, networks[role.network], batch, encoding, known)
            specs[name] = replace(seen, class_counts=counts)
        except SpikedistillError as error:
            raise SpikedistillError(f"{where}: {error}") from error
        try:
            task_of(data).check_outputs(specs[name].outputs, batch, classes)
        except SpikedistillError as error:
            raise SpikedistillError(
                f"{where} {error} ({data.name}); "
                f"{_remedy(role.network, classes, specs[name].outputs[-1])}"
            ) from error
    return specs


def _seen(
    name: str, role: RoleEntry, network: nn.Module, batch: Batch, encoding: str, known: Known | None
) -> Spec:
    """What a role looks like, from a dry run or from that of another role of the network."""
    shapes = tuple(tuple(value.shape) for value in leaves(batch.inputs))
    key = (role.network, role.timesteps, shapes)
    if known is not None and key in known:
        return replace(known[key], role=name, network=network)
    made = Role(network, role.timesteps)
    seen = describe(name, made, batch.inputs, encoder(encoding), stages=False)
    if known is not None:
        known[key] = replace(seen, network=None)
    return seen


def _remedy(network: str, classes: int | None, width: int) -> str:
    if width == 1:
        return (
            f"give it {classes} outputs, one for each class, and no sigmoid at its end; where "
            "several classes may hold at once, write a task of your own"
        )
    of_data = "say how many there are where the data come from (classes)"
    known = remedy(f"set networks.{network}.classes={classes or '...'}", of_data)
    return (
        f"{known}, replace its head by one for these classes, or take a network that was trained "
        "for these data"
    )


def build_objective(losses: Sequence[LossEntry], specs: Mapping[str, Spec], seed: int) -> Objective:
    """The weighted sum of a recipe's losses, seated between described roles.

    Raises:
        SpikedistillError: if a method refuses a pair; the message begins with its name.
    """
    terms = []
    for entry in losses:
        method = parts.loss(entry.method)
        guide = None if entry.guide is None else specs[entry.guide]
        try:
            with seeded(seed, "loss", entry.name):
                loss = method(specs[entry.learner], guide, **entry.options)
        except ValueError as error:
            others = _fitting(entry, specs)
            raise SpikedistillError(f"loss {entry.name!r}: {error}{others}") from error
        seats = {"learner": entry.learner, "guide": entry.guide}
        terms.append(Term(entry.name, loss, weight=entry.weight, detach=entry.detach, **seats))
    return Objective(terms)


def _fitting(entry: LossEntry, specs: Mapping[str, Spec]) -> str:
    """Which methods fit a pair that one refuses whatever its options, in words."""

    def fits(name: str) -> bool:
        method = parts.loss(name)
        guide = specs[entry.guide] if entry.guide is not None and method.uses_guide else None
        try:
            method(specs[entry.learner], guide)
        except (ValueError, TypeError):
            return False
        return True

    if entry.method in METHODS.names() and fits(entry.method):
        return ""
    names = [name for name in METHODS.names() if fits(name)]
    return f"; losses that fit these networks: {', '.join(names)}" if names else ""


def build_distiller(
    roles: Mapping[str, RoleEntry],
    networks: Mapping[str, nn.Module],
    objective: Objective,
    encoding: str,
) -> Distiller:
    """Everything that runs in one phase as one module."""
    seated = {
        name: Role(networks[role.network], role.timesteps, role.trainable, role.record)
        for name, role in roles.items()
    }
    return Distiller(seated, objective, encoder(encoding))
