from __future__ import annotations

import pytest

from spikedistill import methods
from spikedistill.core.catalogue import find, names
from spikedistill.core.loss import Loss


def test_the_file_name_is_the_registry():
    assert {"cross_entropy", "fitnet", "logit_kd", "sastc"} <= set(names(methods))
    assert not any(name.startswith("_") for name in names(methods))
    assert find(methods, "sastc").__name__ == "SASTC"
    assert all(issubclass(find(methods, name), Loss) for name in names(methods))


def test_an_unknown_name_gets_the_closest_one():
    with pytest.raises(ValueError, match="no 'sastk' among the methods; did you mean 'sastc'"):
        find(methods, "sastk")
