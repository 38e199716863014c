from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import augmentation, seeded
from spikedistill.data._augment import crop_at, cut_out, flip_where


def images(B=6, C=3, H=8, W=10):
    return torch.rand(B, C, H, W, generator=seeded("images")).contiguous(
        memory_format=torch.channels_last
    )


def run(spec, value, targets=None, key=0, **options):
    targets = torch.zeros(len(value), dtype=torch.long) if targets is None else targets
    return augmentation(spec, **options)(value, targets, seeded("augment", key))


def test_crop_is_the_plain_loop():
    value = images()
    offsets = torch.randint(5, (6, 2), generator=seeded("offsets"))
    cropped = crop_at(value, offsets, pad=2)
    padded = F.pad(value, (2, 2, 2, 2))
    for i, (row, column) in enumerate(offsets.tolist()):
        assert torch.equal(cropped[i], padded[i, :, row : row + 8, column : column + 10])
    assert torch.equal(crop_at(value, torch.full((6, 2), 2), pad=2), value)


def test_crop_draws_every_offset_per_image():
    dots = torch.zeros(2000, 1, 5, 5)
    dots[:, :, 2, 2] = 1
    cropped, _ = run({"crop": 2}, dots)
    places = cropped.flatten(1).argmax(1)
    assert (cropped.flatten(1).sum(1) == 1).all()
    assert len(places.unique()) == 25 and places.bincount().min() > 40  # 80 expected


def test_flip_mirrors_half_of_the_images():
    value = images(400)
    mask = torch.arange(400) % 3 == 0
    flipped = flip_where(value, mask)
    assert torch.equal(flipped[0], value[0].flip(2)) and torch.equal(flipped[1], value[1])
    drawn, _ = run({"flip": True}, value)
    changed = (drawn != value).flatten(1).any(1)
    assert torch.equal(drawn[changed], value[changed].flip(3))
    assert 150 < changed.sum() < 250


def test_cutout_empties_a_square_and_is_clipped_at_the_border():
    value = torch.ones(2, 3, 8, 8)
    cut = cut_out(value, torch.tensor([[4, 4], [0, 7]]), 4, torch.zeros(3))
    assert (cut[0] == 0).sum() == 3 * 16 and (cut[0, :, 2:6, 2:6] == 0).all()
    assert (cut[1] == 0).sum() == 3 * 2 * 3 and (cut[1, :, :2, 5:] == 0).all()


def test_cutout_fills_with_the_mean_where_it_is_known():
    value = torch.ones(1, 3, 8, 8)
    cut, _ = run({"cutout": 20}, value, mean=(0.1, 0.2, 0.3))
    assert cut[0, :, 0, 0].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert run({"cutout": 20}, value)[0].sum() == 0


def test_more_holes_empty_more():
    value = torch.ones(200, 1, 16, 16)
    one, three = (run({"cutout": {"length": 4, "holes": n}}, value)[0] for n in (1, 3))
    assert (one == 0).sum() < (three == 0).sum() <= 3 * 200 * 16


def test_mixup_targets_are_probabilities_and_images_their_mixture():
    labels = torch.arange(6)
    value = F.one_hot(labels, 6).float()[:, :, None, None].expand(6, 6, 4, 4).contiguous()
    mixed, targets = run({"mixup": 0.5}, value, labels, classes=6)
    assert targets.shape == (6, 6)
    assert targets.sum(1).tolist() == pytest.approx([1.0] * 6)
    assert len(targets.max(1).values.unique()) > 3  # one share per image
    # each image is the one-hot code of its label, so it must equal its target
    assert torch.allclose(mixed[:, :, 0, 0], targets)
    again, _ = run({"mixup": 0.5}, value, targets, classes=6)  # probabilities mix too
    assert again.shape == value.shape


def test_mixup_needs_the_number_of_classes():
    with pytest.raises(SpikedistillError, match="number of classes"):
        run({"mixup": 0.5}, images())


def test_everything_together_is_a_function_of_the_generator():
    spec = {"crop": 4, "flip": True, "autoaugment": "cifar10", "cutout": 4, "mixup": 0.2}
    value, labels = images(W=8), torch.arange(6)
    state = torch.get_rng_state()
    before = value.clone()
    one, same, other = (run(spec, value, labels, key, classes=10)[0] for key in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert one.min() >= 0 and one.max() <= 1 and one.shape == value.shape
    assert torch.equal(value, before)  # not in place
    assert torch.equal(torch.get_rng_state(), state)


def test_nothing_asked_for_is_nothing():
    assert augmentation(None) is None
    assert augmentation({}) is None
    assert augmentation({"flip": False, "crop": None}) is None


@pytest.mark.parametrize(
    "spec, sentence",
    [
        ({"corp": 4}, "no augmentation 'corp'; did you mean 'crop'"),
        ({"crop": "4"}, "whole number of at least 1, not '4'"),
        ({"crop": True}, "crop"),
        ({"crop": 0}, "crop"),
        ({"flip": 0.5}, "expected is true or false, not 0.5"),
        ({"autoaugment": "imagenet"}, "'cifar10', not 'imagenet'"),
        ({"cutout": {"size": 16}}, "cutout"),
        ({"cutout": {"length": 0}}, "cutout length"),
        ({"mixup": 0}, "above 0, not 0"),
        ({"roll": 0}, "roll: expected is a whole number of at least 1, not 0"),
        ({"trivialaugment": "wide"}, "the policy's name, 'snn', not 'wide'"),
        ({"mixup": "a"}, "mixup"),
    ],
)
def test_bad_specs_get_sentences(spec, sentence):
    with pytest.raises(SpikedistillError, match=sentence):
        augmentation(spec)


FRAMES = {"flip": True, "roll": 3, "crop": 2, "trivialaugment": "snn", "cutout": 4}


@pytest.mark.parametrize("spec", [{key: FRAMES[key]} for key in FRAMES] + [FRAMES])
def test_all_frames_of_a_sample_are_changed_alike(spec):
    still = images(64, 2, 12, 12)
    frames = still[:, None].repeat(1, 5, 1, 1, 1)
    changed, _ = run(spec, frames)
    alone, _ = run(spec, still)
    assert changed.shape == frames.shape and not torch.equal(changed, frames)
    for t in range(5):
        assert torch.equal(changed[:, t], alone)


def test_roll_draws_every_shift_per_image():
    dots = torch.zeros(2000, 1, 7, 7)
    dots[:, :, 3, 3] = 1
    moved, _ = run({"roll": 2}, dots)
    places = moved.flatten(1).argmax(1)
    assert (moved.flatten(1).sum(1) == 1).all()
    assert len(places.unique()) == 25 and places.bincount().max() < 130  # 80 expected


def test_mixup_mixes_frames():
    frames, labels = torch.rand(6, 3, 2, 4, 4), torch.arange(6)
    mixed, targets = run({"mixup": 0.5}, frames, labels, classes=6)
    assert mixed.shape == frames.shape
    # the targets say who was mixed with whom, and how much
    assert torch.allclose(mixed, torch.einsum("bk,k...->b...", targets, frames), atol=1e-6)
