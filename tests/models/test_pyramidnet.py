import torch
from torch import nn

from spikedistill.layers.batch_norm import batch_norm
from spikedistill.models._plan import Plan
from spikedistill.models.pyramidnet import PyramidBlock, pyramidnet20


def test_widths_grow_by_two_hundred_ninths():
    with torch.device("meta"):
        network = pyramidnet20()
    widths = [b.conv2.out_channels for s in (1, 2, 3) for b in getattr(network, f"layer{s}")]
    assert widths == [38, 60, 83, 105, 127, 149, 172, 194, 216]


def test_shortcut_pools_and_appends_zero_channels():
    block = PyramidBlock(1, 3, 2, Plan(nn.ReLU, 10, 3, 1.0, batch_norm)).eval()
    nn.init.zeros_(block.conv2.weight)
    x = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]])
    assert block(x).flatten().tolist() == [4.0, 0.0, 0.0]
