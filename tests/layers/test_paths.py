"""Where code of users imports layers from."""

from __future__ import annotations

import importlib


def test_the_normalisation_of_inputs_is_found_where_it_was() -> None:
    from spikedistill.core.normalized import Normalized

    assert importlib.import_module("spikedistill.layers.normalized").Normalized is Normalized
