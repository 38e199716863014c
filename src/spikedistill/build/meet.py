"""A network meets the data: what can be known and said of it before the first step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from spikedistill.core.answers import Wanted, answer_of, choose
from spikedistill.core.clock import firing_layers, spiking
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.made import check_made
from spikedistill.core.tree import Inputs, first, mapped
from spikedistill.core.trial import dry_run
from spikedistill.core.unregistered import calls, unregistered
from spikedistill.data import first_broken

FEW = 4
"""Samples of the example on which a network is tried."""


def meet(
    name: str,
    network: nn.Module,
    inputs: Inputs,
    timesteps: int = 1,
    trained: bool = True,
    say: Callable[[str], object] = str,
    wanted: Wanted | None = None,
) -> int:
    """Try a network on an example, and say what its owner should know.

    It is put into single precision, in place, and the memory order that it needs is noted
    (`core.layout`).

    Args:
        name: how messages call it.
        network: any network; its mode is left as it is.
        inputs: a raw batch of one step, `[B, ...]`.
        timesteps: T.
        trained: whether its weights are there, so that its values say something.
        say: gets the sentences.
        wanted: the form of the answer, where that is known. It tells which of several outputs the
            answer is, and that is noted too (`core.answers`).

    Returns:
        K, the last axis of its outputs.

    Raises:
        SpikedistillError: if it does not take the data (the message names the layer), its weights
            or outputs are not finite, its outputs are not one row for each input, it is not clear
            which of them are the logits, it has layers that are not made yet or that torch does
            not know of, or none of its neurons runs.
    """
    check_made(network)
    _in_single_precision(name, network, say)
    if trained:
        _check_finite(network)
    few = mapped(lambda value: value[:FEW], inputs)
    hidden = unregistered(network)
    neurons = {str(number): layer for number, layer in enumerate(firing_layers(network))}
    with calls(hidden) as used, calls(neurons) as fired:
        outputs, returned = dry_run(network, few, timesteps, look=partial(_choose, network, wanted))
    _check_known(network, {place: hidden[place] for place in used})
    if neurons and not fired:
        raise SpikedistillError(
            f"{type(network).__name__} has {len(neurons)} layers of neurons, and its forward calls "
            "none of them; let it call its activations by the names under which they are registered"
        )
    _, chosen = answer_of(returned, network)
    answer = first(outputs).flatten(0, 1)
    if chosen:
        say(f"{name}: its logits are {chosen}, {['N', *answer.shape[1:]]}".replace("'N'", "N"))
    if trained:
        _look_at(name, network, few, answer, say)
    return answer.shape[-1] if answer.ndim > 1 else 1


def _choose(network: nn.Module, wanted: Wanted | None, returned: Any) -> None:
    """Note which of several outputs is the answer, where that can be known."""
    if wanted is not None:
        choose(returned, wanted, network)


def _check_known(network: nn.Module, used: Mapping[str, nn.Module]) -> None:
    """Refuse modules that run and are not registered.

    In an ANN those without a state do no harm; in a spiking network they may be the activations
    that neurons stand for.
    """
    bad = [place for place, module in used.items() if module.state_dict() or spiking(network)]
    if bad:
        raise SpikedistillError(
            f"{type(network).__name__} calls {len(bad)} modules that torch does not know of, "
            f"because they are kept in containers of Python (the first: {bad[0]}, a "
            f"{type(used[bad[0]]).__name__}), so they would be neither trained, nor saved, nor "
            "made spiking; keep them in an nn.ModuleList or nn.ModuleDict"
        )


def _in_single_precision(name: str, network: nn.Module, say: Callable[[str], object]) -> None:
    state = (*network.parameters(), *network.buffers())
    other = {value.dtype for value in state if value.is_floating_point()} - {torch.float32}
    if other:
        network.float()
        kinds = ", ".join(sorted(str(kind).removeprefix("torch.") for kind in other))
        say(f"{name} comes in {kinds}; it is run in float32")


def _check_finite(network: nn.Module) -> None:
    for key, value in network.state_dict().items():
        if isinstance(value, Tensor) and value.is_floating_point() and value.isnan().any():
            raise SpikedistillError(
                f"{type(network).__name__} has {int(value.isnan().sum())} NaN among its weights "
                f"{key!r}; its training broke down: take an earlier checkpoint"
            )


def _look_at(
    name: str,
    network: nn.Module,
    inputs: Inputs,
    answer: Tensor,
    say: Callable[[str], object],
) -> None:
    """Refuse outputs that are no numbers or choices, and warn of probabilities."""
    if not answer.is_floating_point():
        raise SpikedistillError(
            f"{type(network).__name__} answers with {answer.dtype}, as classes that are chosen "
            "already, from which nothing can be learned; let it return the scores of the classes, "
            "as they are before argmax or a comparison"
        )
    if not bool(answer.isfinite().all()):
        broken = first_broken(inputs)
        if broken is not None:
            raise SpikedistillError(
                f"sample {broken} of the example on which {type(network).__name__} is tried has "
                "inputs that are not finite (NaN or infinite); repair it or take it out"
            )
        raise SpikedistillError(
            f"{type(network).__name__} answers the first samples with values that are not finite; "
            "look at its weights, and at the normalisation of its inputs (mean and std)"
        )
    if answer.ndim < 2 or answer.shape[-1] < 2 or spiking(network):
        return
    sums = answer.sum(-1)
    if bool((answer >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-3):
        say(
            f"warning: the outputs of {name} are probabilities (each row is 0 or more and sums to "
            "1), and losses expect logits; take off the softmax at its end"
        )


def said_frozen(name: str, network: nn.Module) -> str:
    """A sentence for a network that learns and of which the user froze a part; else empty.

    Raises:
        SpikedistillError: if all of it is frozen.
    """
    parameters = list(network.parameters())
    frozen = [one for one in parameters if not one.requires_grad]
    if not frozen:
        return ""
    if len(frozen) == len(parameters):
        raise SpikedistillError(
            f"{name} is to learn, and all its {len(parameters)} parameters are frozen "
            "(requires_grad=False); let some of them learn, by network.requires_grad_(True)"
        )
    count = sum(one.numel() for one in frozen)
    return (
        f"{name}: {len(frozen)} of its {len(parameters)} parameters ({count:,} numbers) are frozen "
        "(requires_grad=False) and stay as they are"
    )


def check_neurons(name: str, network: nn.Module) -> None:
    """Refuse a student without neurons.

    Raises:
        SpikedistillError: with the way to make it spiking.
    """
    if not firing_layers(network):
        raise SpikedistillError(
            f"the {name} ({type(network).__name__}) has no neurons, so nothing in it would spike; "
            "make its twin, as spikedistill.spiking_twin(network, spikedistill.LIF()), or put "
            "neurons in the place of its activations"
        )
