"""Parameters, multiply-adds and neuron layers against the published table of networks."""

import pytest
import torch
from torch import nn

from spikedistill import models
from spikedistill.costs.operations import macs, parameter_count

# name -> parameters with 10 classes, GMAC per step at 3x32x32, neuron layers
TABLE = {
    "resnet19_wide_stem": (12_697_994, 2.28537, 18),
    "resnet19": (12_630_858, 2.21650, 18),
    "resnet19_wide_stem_no_fc": (12_569_226, 2.28525, 17),
    "resnet20m": (11_247_946, 0.21568, 19),
    "resnet18": (11_173_962, 0.55542, 17),
    "resnet34": (21_282_122, 1.15940, 33),
    "cifar_resnet20": (269_722, 0.04055, 19),
    "cifar_resnet32": (464_154, 0.06886, 31),
    "cifar_resnet44": (658_586, 0.09717, 43),
    "cifar_resnet56": (853_018, 0.12549, 55),
    "wrn16_2": (691_674, 0.10111, 13),
    "wrn28_4": (5_849_050, 0.84560, 25),
    "wrn28_10": (36_479_194, 5.24333, 25),
    "pyramidnet20": (2_933_675, 0.51476, 10),
    "vgg11": (9_228_362, 0.15277, 8),
    "vgg16": (14_724_042, 0.31320, 13),
    "bottleneck211": (20_524_618, 3.94494, 14),
    "vgg11_sastc": (34_440_970, 0.31953, 8),
}
# SASTC's teacher is given rounded: 12.50 M, 2.22 G
ROUNDED = {"resnet19_no_fc": (12.50e6, 2.22)}
# last hidden width, for the counts with 100 classes
FEATURES = {"resnet18": 512, "resnet19_no_fc": 512, "resnet19": 256, "resnet19_wide_stem": 256}


def build(name, **options):
    with torch.device("meta"):
        return models.build(name, nn.ReLU, **options)


@pytest.mark.parametrize("name", TABLE)
def test_table(name):
    parameters, gmac, layers = TABLE[name]
    network = build(name)
    assert parameter_count(network) == parameters
    assert round(macs(network, torch.zeros(1, 3, 32, 32, device="meta")) / 1e9, 5) == gmac
    assert sum(isinstance(module, nn.ReLU) for module in network.modules()) == layers


@pytest.mark.parametrize("name", ROUNDED)
def test_rounded_figures(name):
    parameters, gmac = ROUNDED[name]
    network = build(name)
    assert round(parameter_count(network), -4) == parameters
    assert round(macs(network, torch.zeros(1, 3, 32, 32, device="meta")) / 1e9, 2) == gmac


def test_the_network_of_large_images_is_the_common_one():
    network = build("resnet34_imagenet", classes=1000)
    assert parameter_count(network) == 21_797_672
    # 118.01 M in the stem, 1000 x 512 in the classifier
    assert round(macs(network, torch.zeros(1, 3, 224, 224, device="meta")) / 1e9, 3) == 3.664


@pytest.mark.parametrize("name", FEATURES)
def test_hundred_classes_add_ninety_rows(name):
    added = parameter_count(build(name, classes=100)) - parameter_count(build(name))
    assert added == 90 * (FEATURES[name] + 1)


@pytest.mark.parametrize("name", models.names())
def test_one_input_channel_removes_two_thirds_of_the_first_convolution(name):
    full = build(name, channels=3)
    first = next(m for m in full.modules() if isinstance(m, nn.Conv2d))
    removed = parameter_count(full) - parameter_count(build(name, channels=1))
    assert removed == 2 * first.out_channels * first.weight[0, 0].numel()
