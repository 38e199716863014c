import pytest
from torch import nn

from spikedistill import models
from spikedistill.core.errors import SpikedistillError


def test_names_are_sorted_functions_called_so():
    assert list(models.names()) == sorted(models.names())
    assert {"resnet18", "wrn16_2", "vgg11_sastc", "digits"} <= set(models.names())
    assert all(models.find(name).__name__ == name for name in models.names())


def test_helpers_are_no_networks():
    assert not {"twin", "spiking_twin", "transplant", "Network"} & set(models.names())


def test_every_network_takes_the_common_options():
    for name in models.names():
        assert {"classes", "channels", "width", "norm"} <= set(models.options(name))


def test_every_network_says_what_it_is():
    assert all(models.find(name).__doc__ for name in models.names())


def test_unknown_name_gets_the_closest():
    with pytest.raises(SpikedistillError, match="no network 'resnet_18'; did you mean 'resnet18'"):
        models.find("resnet_18")


def test_wrong_options_are_all_named_and_the_known_listed():
    with pytest.raises(SpikedistillError, match="'clases', 'depht'; its options are: depth, class"):
        models.build("cifar_resnet", nn.ReLU, clases=10, depht=14)


def test_build_passes_its_options():
    network = models.build("cifar_resnet", nn.ReLU, depth=8, classes=3, width=0.5)
    assert network.classes == 3
    assert network.conv1.out_channels == 8
    assert len(network.layer1) == 1
