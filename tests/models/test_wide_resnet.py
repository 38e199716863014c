import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from spikedistill.models.wide_resnet import wrn, wrn16_2


def test_block_against_the_equation():
    torch.manual_seed(0)
    network = wrn16_2(width=0.25).eval()
    block = network.layer2[0]
    x = torch.randn(2, block.conv1.in_channels, 8, 8)

    def ahead(x):  # a fresh norm divides by sqrt(1 + eps) only
        return (x / (1 + 1e-5) ** 0.5).relu()

    a = ahead(x)
    inner = ahead(conv2d(a, block.conv1.weight, stride=2, padding=1))
    expected = conv2d(inner, block.conv2.weight, padding=1)
    expected = expected + conv2d(a, block.shortcut.weight, stride=2)
    torch.testing.assert_close(block(x), expected)


def test_a_block_that_keeps_its_shape_adds_its_input_untouched():
    block = wrn16_2(width=0.25).layer1[1].eval()
    nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, block.conv1.in_channels, 4, 4)
    assert torch.equal(block(x), x)


def test_widening_factor_leaves_the_stem():
    with torch.device("meta"):
        network = wrn(depth=10, k=3)
    assert network.conv1.out_channels == 16
    assert [getattr(network, f"layer{s}")[-1].conv2.out_channels for s in (1, 2, 3)] == [
        48,
        96,
        192,
    ]
    assert [len(getattr(network, f"layer{s}")) for s in (1, 2, 3)] == [1, 1, 1]


def test_depth_must_be_six_n_plus_four():
    with pytest.raises(ValueError, match=r"a Wide ResNet is 6 n \+ 4 \(10, 16, .*not 20"):
        wrn(depth=20)
