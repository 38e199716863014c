import torch

from spikedistill.models.bottleneck import bottleneck211


def test_layout():
    with torch.device("meta"):
        network = bottleneck211()
    stages = [getattr(network, f"layer{k}") for k in (1, 2, 3)]
    assert [len(stage) for stage in stages] == [2, 1, 1]
    blocks = [block for stage in stages for block in stage]
    layout = [(b.conv1.out_channels, b.conv3.out_channels, b.conv2.stride[0]) for b in blocks]
    assert layout == [(256, 512, 1), (256, 512, 1), (512, 1024, 2), (1024, 2048, 2)]
    assert network.hidden.out_features == 256


def test_a_silent_branch_leaves_the_rectified_shortcut():
    block = bottleneck211(width=0.03125).layer1[1].eval()
    torch.nn.init.zeros_(block.conv3.weight)
    x = torch.randn(2, 16, 4, 4)
    assert torch.equal(block(x), x.relu())
