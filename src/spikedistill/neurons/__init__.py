"""Catalogue of spiking neurons: one publication per file; the file name is the registry."""
