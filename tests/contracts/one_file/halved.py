"""A stranger's file: a conversion."""

from __future__ import annotations

from spikedistill.conversion.twin import spiking_twin
from spikedistill.core.conversion import Conversion


class Halved(Conversion):
    def __init__(self, neuron, share: float = 0.5):
        self.neuron, self.share = neuron, share

    def __call__(self, material):
        made = spiking_twin(material.source, self.neuron)
        if material.trained:
            batch = next(material.batches())
            assert batch.inputs.shape[1:] == (1, 8, 8)
            for parameter in made.parameters():
                parameter.data *= self.share
        return made
