"""Networks whose outputs are not those of the data, and what helps."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from spikedistill.build.losses import build_specs
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.speech import speaking_python
from spikedistill.core.trace import Batch
from spikedistill.data import DataSet
from spikedistill.recipes.schema import RoleEntry


@pytest.mark.parametrize(
    ("width", "sentence"),
    [
        (
            1,
            r"has one output and the data have 2 classes \(own\); give it 2 outputs, .* no sigmoid",
        ),
        (
            7,
            r"tells 7 classes apart and the data have 2 \(own\); say .*replace its head by one for",
        ),
    ],
)
def test_outputs_of_another_width_get_their_remedy(width: int, sentence: str) -> None:
    samples = TensorDataset(torch.rand(4, 3), torch.arange(4) % 2)
    data = DataSet(
        "own", samples, samples, samples, classes=("a", "b"), task="vector_classification"
    )
    roles = {"teacher": RoleEntry(network="net")}
    networks = {"net": nn.Linear(3, width)}
    with speaking_python(), pytest.raises(SpikedistillError, match=sentence):
        build_specs(roles, networks, Batch(*samples.tensors), "direct", data)
