from __future__ import annotations

import json
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("methods", {"cross_entropy", "fitnet", "logit_kd", "sastc"}),
        ("neurons", {"integrate_and_fire", "lif", "plif"}),
        ("layers", {"batch_norm", "tdbn"}),
        ("models", {"digits", "resnet19", "bottleneck211", "wrn16_2"}),
        ("data", {"digits", "cifar10", "fashion-mnist"}),
        ("conversions", {"copy", "twin"}),
        ("metrics", {"accuracy", "error"}),
        ("tasks", {"image_classification", "sequence_classification", "vector_classification"}),
        ("recipes", {"digits-sastc", "fashion-sastc", "cifar10-small-sastc", "cifar100-sastc"}),
        ("blocks", {"recipe", "training", "losses"}),
        ("sections", {"attention_maps", "confusion", "energy_by_layer", "firing_rates"}),
        ("studies", {"alignment", "timesteps"}),
    ],
)
def test_each_list(spike: Any, what: str, names: set[str]) -> None:
    rows = json.loads(spike("list", what, "--json").out)
    assert names <= {row["name"] for row in rows}
    assert all(row["summary"].strip() for row in rows), [r for r in rows if not r["summary"]]
    out = spike("list", what).out
    assert all(name in out for name in names)
