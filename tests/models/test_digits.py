import torch

from spikedistill.models.digits import digits


def test_layout_by_hand():
    # 1-16-16 | 16-32-32 | 32-64, two numbers of norm a channel, 64-10
    pairs = [(1, 16), (16, 16), (16, 32), (32, 32), (32, 64)]
    expected = sum(9 * a * b + 2 * b for a, b in pairs) + 650
    network = digits()
    assert sum(parameter.numel() for parameter in network.parameters()) == expected == 35_674
    x, grids = torch.rand(1, 1, 8, 8), []
    for name, layer in network.named_children():
        x = layer(x)
        if name.startswith("layer"):
            grids.append(tuple(x.shape[1:]))
    assert grids == [(16, 8, 8), (32, 4, 4), (64, 2, 2)]
