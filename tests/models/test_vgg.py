import pytest
import torch

from spikedistill.models.vgg import vgg9, vgg11, vgg11_sastc, vgg16


@pytest.mark.parametrize(
    ("blueprint", "grids"),
    [
        (vgg9, [32, 16, 8]),
        (vgg11, [32, 16, 8, 4, 2]),
        (vgg16, [32, 16, 8, 4, 2]),
        (vgg11_sastc, [16, 8, 4, 2]),
    ],
)
def test_grids_of_the_stages(blueprint, grids):
    network = blueprint(width=0.0625).eval()
    x, seen = torch.rand(1, 3, 32, 32), []
    for name, layer in network.named_children():
        x = layer(x)
        if name.startswith("layer"):
            seen.append(x.shape[-1])
    assert seen == grids


def test_vgg9_by_hand():
    # convolutions 3-64-64-128-128-256-256-256, two numbers of norm a channel, two linear layers
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in vgg9().parameters())
    pairs = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256)]
    convolutions = sum(9 * a * b + 2 * b for a, b in pairs)
    assert count == convolutions + (4096 + 1) * 1024 + (1024 + 1) * 10


def test_the_sastc_form_has_biases_and_watches_every_second_convolution():
    with torch.device("meta"):
        network = vgg11_sastc()
    stages = [getattr(network, f"layer{k}") for k in (1, 2, 3, 4)]
    shapes = [(c.out_channels, c.stride[0]) for stage in stages for c in (stage[0], stage[3])]
    assert shapes == [(64, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2), (512, 1), (512, 2)]
    assert all(stage[0].bias is not None for stage in stages)
    assert network.linear1.in_features == 2048
