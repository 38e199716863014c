"""Catalogue of spiking neurons: one publication per file; the file name is the registry."""

from spikedistill.neurons._base import Neuron as Neuron
