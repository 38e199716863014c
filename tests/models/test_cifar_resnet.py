import pytest
import torch
from torch import nn

from spikedistill.layers.batch_norm import batch_norm
from spikedistill.models._blocks import zero_padded
from spikedistill.models._plan import Plan
from spikedistill.models.cifar_resnet import cifar_resnet, cifar_resnet20

PLAN = Plan(nn.ReLU, 10, 3, 1.0, batch_norm)


def test_option_a_shortcut_takes_every_second_pixel_and_pads_zero_channels_on_both_sides():
    x = torch.arange(32.0).view(1, 2, 4, 4)
    y = zero_padded(2, 4, 2, PLAN)(x)
    assert y.shape == (1, 4, 2, 2)
    assert y[0, 1].tolist() == [[0, 2], [8, 10]]
    assert y[0, 2].tolist() == [[16, 18], [24, 26]]
    assert not y[0, [0, 3]].any()


def test_an_odd_number_of_new_channels_is_padded_too():
    assert zero_padded(2, 5, 2, PLAN)(torch.ones(1, 2, 3, 3)).shape == (1, 5, 2, 2)


def test_module_names_are_those_of_the_foreign_weights():
    with torch.device("meta"):
        names = [
            name for name in cifar_resnet20().state_dict() if not name.endswith("batches_tracked")
        ]
    norm = ["weight", "bias", "running_mean", "running_var"]
    units = [("conv1", "bn1")] + [
        (f"layer{stage}.{block}.conv{k}", f"layer{stage}.{block}.bn{k}")
        for stage in (1, 2, 3)
        for block in (0, 1, 2)
        for k in (1, 2)
    ]
    expected = [
        name for conv, bn in units for name in [f"{conv}.weight", *(f"{bn}.{x}" for x in norm)]
    ]
    assert names == [*expected, "linear.weight", "linear.bias"]


@pytest.mark.parametrize("depth", [2, 15, -4])
def test_depth_must_be_six_n_plus_two(depth):
    with pytest.raises(ValueError, match=rf"is 6 n \+ 2 \(8, 14, 20, 26, 32, ...\), not {depth}"):
        cifar_resnet(depth=depth)
