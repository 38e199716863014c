"""Blueprints of networks, each with its activation as an argument."""

from spikedistill.models._registry import build as build
from spikedistill.models._registry import find as find
from spikedistill.models._registry import names as names
from spikedistill.models._registry import options as options
