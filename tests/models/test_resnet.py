import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, conv2d

from spikedistill.models.resnet import resnet18, resnet19, resnet19_no_fc, resnet20m


def scale(x):  # what a fresh norm does in evaluation mode
    return x / (1 + 1e-5) ** 0.5


def test_block_against_the_equation():
    torch.manual_seed(0)
    block = resnet18(width=0.125).layer2[0].eval()
    x = torch.randn(2, 8, 6, 6)
    branch = scale(conv2d(x, block.conv1.weight, stride=2, padding=1)).relu()
    branch = scale(conv2d(branch, block.conv2.weight, padding=1))
    shortcut = scale(conv2d(x, block.shortcut[0].weight, stride=2))
    torch.testing.assert_close(block(x), (branch + shortcut).relu())


def test_shortcut_of_resnet20m_pools_before_its_convolution():
    torch.manual_seed(0)
    block = resnet20m(width=0.125).layer2[0].eval()
    x = torch.randn(2, 8, 6, 6)
    expected = scale(conv2d(avg_pool2d(x, 2), block.shortcut[1].weight))
    torch.testing.assert_close(block.shortcut(x), expected)


@pytest.mark.parametrize("blueprint", [resnet19, resnet19_no_fc])
def test_pooled_is_the_mean_of_the_last_stage(blueprint):
    torch.manual_seed(0)
    network = blueprint(width=0.0625).eval()
    x = torch.rand(2, 3, 16, 16)
    for name, layer in network.named_children():
        x = layer(x)
        if name == "layer3":
            stage = x
        if name == network.taps["pooled"]:
            pooled = x
    torch.testing.assert_close(pooled, stage.mean((2, 3)))
    assert stage.shape == (2, 32, 4, 4)


def test_the_hidden_layer_has_a_neuron():
    with torch.device("meta"):
        names = list(dict(resnet19().named_children()))
    assert names[-5:] == ["pool", "flatten", "hidden", "activation2", "linear"]
    assert isinstance(resnet19(width=0.05).activation2, nn.ReLU)
