"""Foreign networks given the face of our own: any trained network that a user has."""

from spikedistill.teachers.own import own_network as own_network
from spikedistill.teachers.weights import load_weights as load_weights
from spikedistill.teachers.weights import read_weights as read_weights
