"""Layers around neurons: norms, input normalisation."""
