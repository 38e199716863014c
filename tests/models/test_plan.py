import inspect

import pytest
from torch import nn

from spikedistill import models
from spikedistill.core.errors import SpikedistillError
from spikedistill.models import MODELS
from spikedistill.models._plan import Plan, blueprint


def test_names_are_sorted_functions_called_so():
    assert list(models.names()) == sorted(models.names())
    assert {"resnet18", "wrn16_2", "vgg11_sastc", "digits"} <= set(models.names())
    assert all(MODELS.find(name).__name__ == name for name in models.names())


def test_helpers_are_no_networks():
    assert not {"twin", "spiking_twin", "transplant", "Network"} & set(models.names())


def test_every_network_takes_the_common_options():
    for name in models.names():
        parameters = inspect.signature(MODELS.find(name)).parameters
        assert next(iter(parameters)) == "activation"
        assert {"classes", "channels", "width", "norm"} <= set(parameters)


def test_every_network_says_what_it_is_and_what_it_takes():
    for name in models.names():
        text = MODELS.find(name).__doc__ or ""
        taken = inspect.signature(MODELS.find(name)).parameters
        assert all(f"    {option}: " in text for option in taken), name


def test_unknown_name_gets_the_closest():
    with pytest.raises(SpikedistillError, match="no network 'resnet_18'; did you mean 'resnet18'"):
        MODELS.find("resnet_18")


def test_wrong_options_are_all_named_and_the_known_listed():
    sentence = "'clases', 'depht'; its options are: activation, depth, classes"
    with pytest.raises(SpikedistillError, match=sentence):
        models.build("cifar_resnet", nn.ReLU, clases=10, depht=14)


def test_build_passes_its_options():
    network = models.build("cifar_resnet", nn.ReLU, depth=8, classes=3, width=0.5)
    assert network.linear.out_features == 3
    assert network.conv1.out_channels == 8
    assert len(network.layer1) == 1


def test_a_blueprint_of_ones_own_gets_its_plan():
    @blueprint
    def net(plan: Plan, hidden: int = 8) -> nn.Module:
        """A network."""
        sizes = (plan.channels, plan.scaled(hidden), plan.classes)
        return nn.Sequential(
            nn.Linear(sizes[0], sizes[1]), plan.activation(), nn.Linear(*sizes[1:])
        )

    made = net(nn.Tanh, hidden=6, width=0.5, classes=4, channels=5)
    assert [tuple(layer.weight.shape) for layer in (made[0], made[2])] == [(3, 5), (4, 3)]
    assert isinstance(made[1], nn.Tanh)
    with pytest.raises(TypeError, match="widht"):
        net(nn.ReLU, widht=2.0)
