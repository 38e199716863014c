"""What a twin is to be made of, as it was given: a network, and neurons by name or at hand."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.factory import Activation, Planned
from spikedistill.neurons import NEURONS


def check_network(network: object) -> None:
    """Refuse what is no network.

    Raises:
        SpikedistillError: with what was given.
    """
    if isinstance(network, nn.Module):
        return
    state = isinstance(network, Mapping)
    hint = "; load a state dict into its network first (load_state_dict)" if state else ""
    raise SpikedistillError(
        f"a twin is made of a torch.nn.Module, and {type(network).__name__} was given{hint}"
    )


def known(neuron: Activation | Planned | str) -> Activation | Planned:
    """The neuron itself, also where its name was given.

    Raises:
        SpikedistillError: if there is none of that name, or it is nothing that makes a neuron.
    """
    if isinstance(neuron, str):
        return Planned(NEURONS.find(neuron))
    if isinstance(neuron, Planned) or callable(neuron):
        return neuron
    raise SpikedistillError(
        f"the neurons of a twin are {type(neuron).__name__}; expected is a neuron, as "
        "spikedistill.LIF(tau=2.0), or its name, as 'lif'"
    )
