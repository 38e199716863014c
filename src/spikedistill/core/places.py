"""The places of a network: measured in one dry run, then filled."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from spikedistill.core.clock import firing_layers
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.evaluation import evaluation
from spikedistill.core.factory import Planned, Vacant
from spikedistill.core.place import Place, supplied
from spikedistill.core.tree import Inputs, call

_CHANNELS_FIRST = (nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d, nn.AvgPool1d, nn.ConvTranspose1d)
"""Layers after which `[N, C, L]` has its features first; else `[N, L, D]` has them last."""


def measured(
    network: nn.Module,
    paths: Collection[str],
    inputs: Inputs,
    timesteps: int = 1,
    roles: Mapping[str, str] | None = None,
) -> dict[str, Place]:
    """The places at some paths, in the order in which a forward pass reaches them.

    One dry run of one step in evaluation mode.

    Args:
        network: any network.
        paths: of the modules that stand at the places.
        inputs: one raw batch of one step, `[B, ...]`.
        timesteps: T of the role in which the network learns, for the places to know.
        roles: path -> role.

    Raises:
        SpikedistillError: if the dry run does not reach a place.
    """
    seen: dict[str, tuple[tuple[int, ...], int]] = {}
    channels_first: set[tuple[int, ...]] = set()

    def note(path: str) -> Callable[..., None]:
        def hook(_module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
            shape = tuple(output.shape[1:])
            last = len(shape) == 2 and tuple(given[0].shape) not in channels_first
            seen.setdefault(path, (shape, len(shape) - 1 if last else 0))

        return hook

    def remember(_module: nn.Module, _given: object, output: Tensor) -> None:
        channels_first.add(tuple(output.shape))

    hooks = [network.get_submodule(path).register_forward_hook(note(path)) for path in paths]
    hooks += [
        module.register_forward_hook(remember)
        for module in network.modules()
        if isinstance(module, _CHANNELS_FIRST)
    ]
    try:
        with torch.no_grad(), evaluation(network):
            call(network, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    unseen = [path for path in paths if path not in seen]
    if unseen:
        raise SpikedistillError(
            f"the place {unseen[0]!r} of {type(network).__name__} is not reached in a forward "
            "pass, so nothing can be made for it"
        )
    last = list(seen)[-1] if seen else ""
    return {
        path: Place(path, shape, timesteps, path == last, (roles or {}).get(path, ""), axis)
        for path, (shape, axis) in seen.items()
    }


def fill(network: nn.Module, inputs: Inputs, timesteps: int = 1) -> None:
    """Put what is planned at every vacant place of a network, in place.

    Args:
        network: as a blueprint made it.
        inputs: one raw batch of one step, `[B, ...]`.
        timesteps: T of the role in which the network learns.

    Raises:
        SpikedistillError: if something cannot be made for its place.
    """
    vacant = {path: one for path, one in network.named_modules() if isinstance(one, Vacant)}
    kinds: dict[int, list[str]] = {}
    for path, one in vacant.items():
        kinds.setdefault(id(one.planned), []).append(path)
    for paths in kinds.values():
        planned = vacant[paths[0]].planned
        roles = {path: vacant[path].role for path in paths}
        if supplied(planned.make):
            places = measured(network, paths, inputs, timesteps, roles)
        else:  # it asks for nothing that a dry run could tell
            places = {path: Place(path, ()) for path in paths}
        for path, place in places.items():
            network.set_submodule(path, planned.at(place))


def stand_beside(
    network: nn.Module, modules: Sequence[Planned], inputs: Inputs, timesteps: int = 1
) -> None:
    """Put modules beside every layer of neurons of a network, in place.

    A module stands behind the neurons and sees their spikes, unless its class says `before = True`:
    then it sees their current. Several stand in the order of the list.

    Raises:
        SpikedistillError: if the network has no neurons, or a module cannot be made for a place.
    """
    paths = [path for path, one in network.named_modules() if one in firing_layers(network)]
    if not paths:
        raise SpikedistillError(
            f"{type(network).__name__} has no neurons beside which modules could stand; leave "
            "`modules` out, or give the network neurons"
        )
    for path, place in measured(network, paths, inputs, timesteps).items():
        neurons = network.get_submodule(path)
        parts = OrderedDict[str, nn.Module]()
        made = [(_name(one, number), one.at(place)) for number, one in enumerate(modules, 1)]
        parts.update((name, one) for name, one in made if getattr(one, "before", False))
        parts["neurons"] = neurons
        parts.update((name, one) for name, one in made if not getattr(one, "before", False))
        network.set_submodule(path, nn.Sequential(parts))


def _name(planned: Planned, number: int) -> str:
    return f"{getattr(planned.make, '__name__', 'module').lower()}{number}"
