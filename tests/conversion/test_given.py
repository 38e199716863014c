"""What a twin is made of: usual slips get a sentence, and a name is enough for a neuron."""

from __future__ import annotations

import pytest
from torch import nn

from spikedistill.conversion.twin import spiking_twin
from spikedistill.core.errors import SpikedistillError
from spikedistill.neurons.lif import LIF

ANN = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def test_a_neuron_by_its_name() -> None:
    assert isinstance(spiking_twin(ANN, "lif")[1], LIF)  # type: ignore[index]
    with pytest.raises(SpikedistillError, match="did you mean 'lif'"):
        spiking_twin(ANN, "liff")


@pytest.mark.wrong_types
def test_what_is_no_network_and_what_is_no_neuron() -> None:
    with pytest.raises(SpikedistillError, match="OrderedDict was given; load a state dict into"):
        spiking_twin(ANN.state_dict(), LIF())  # type: ignore[arg-type]
    with pytest.raises(SpikedistillError, match="neurons of a twin are float; expected is"):
        spiking_twin(ANN, 2.0)  # type: ignore[arg-type]
