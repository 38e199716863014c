from __future__ import annotations

import torch

from spikedistill.data import data_set


def test_splits_are_stratified_and_disjoint():
    data = data_set("digits")
    assert (len(data.train), len(data.valid), len(data.test)) == (1294, 144, 359)
    for split in (data.train, data.valid, data.test):
        share = split.labels.bincount(minlength=10) / len(split)
        assert (share - 0.1).abs().max() < 0.01
    everything = torch.cat([data.train.images, data.valid.images, data.test.images])
    # scikit-learn's digits are all different images
    assert len(everything.flatten(1).unique(dim=0)) == 1797


def test_intensities_are_scaled_to_bytes():
    data = data_set("digits")
    values = data.train.images.unique()
    # 0..16 times 255 / 16, rounded
    assert values.tolist() == [round(i * 255 / 16) for i in range(17)]
    assert data.train.images.shape[1:] == data.example().inputs.shape[1:] == (1, 8, 8)
    pixels = data.train.images.float() / 255
    assert abs(pixels.mean().item() - data.mean[0]) < 0.005


def test_the_test_split_does_not_depend_on_the_seed():
    one, other = data_set("digits", seed=1), data_set("digits", seed=2)
    assert torch.equal(one.test.images, other.test.images)
    assert not torch.equal(one.valid.images, other.valid.images)
