"""Our networks as `spikedistill.deploy` makes them, for the table `inference`."""

from __future__ import annotations

import torch
from _bench import Step, device_type
from _networks import OURS, Blueprint, case, settle, variants

from spikedistill.export.deploy import deploy
from spikedistill.functional.compiled import compiling

WEIGHTS = {
    "deployed, float32": "float",
    "deployed, bf16": "bfloat16",
    "deployed, int8": "int8",
}


def deployed(blueprint: Blueprint, T: int, B: int, side: int) -> dict[str, Step]:
    """One batch through each deployed form of our network; none on a GPU, it is for a CPU."""
    if device_type() != "cpu":
        return {}
    ours = case(variants(None)[OURS], blueprint, T, B, side)
    settle(ours)
    example = torch.rand(8, *ours.images.shape[1:])
    steps: dict[str, Step] = {}
    for name, weights in WEIGHTS.items():
        network = deploy(ours.module, example, weights=weights)

        def answer(network: torch.nn.Module = network) -> None:
            with torch.inference_mode(), compiling(True):
                network(ours.images)

        steps[f"{OURS}, {name}"] = answer
    return steps
