"""Blueprints of networks, each with its activation as an argument."""
