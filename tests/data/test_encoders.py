from __future__ import annotations

import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import encoder, seeded


def test_direct_gives_the_image_once():
    inputs = torch.rand(2, 3, 4, 4)
    encoded = encoder("direct")(inputs, 4)
    assert encoded.shape == (1, 2, 3, 4, 4)
    assert torch.equal(encoded[0], inputs)


def test_rate_spikes_as_often_as_the_intensity_says():
    inputs = torch.tensor([[0.0, 0.25, 0.9, 1.0]])
    spikes = encoder("rate")(inputs, 4000, seeded("test"))
    assert spikes.shape == (4000, 1, 4)
    assert set(spikes.unique().tolist()) == {0.0, 1.0}
    mean = spikes.mean(0)[0]
    assert mean[0] == 0 and mean[3] == 1
    assert mean.tolist() == pytest.approx(inputs[0].tolist(), abs=0.03)


def test_rate_is_a_function_of_the_generator():
    inputs = torch.rand(2, 5)
    state = torch.get_rng_state()
    one, same, other = (encoder("rate")(inputs, 8, seeded("test", n)) for n in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_latency_fires_once_and_bright_pixels_first():
    inputs = torch.tensor([[1.0, 0.75, 0.5, 0.01, 0.0]])
    spikes = encoder("latency")(inputs, 5)
    assert spikes.argmax(0).tolist() == [[0, 1, 2, 4, 0]]
    assert spikes.sum(0).tolist() == [[1, 1, 1, 1, 0]]


def test_an_unknown_encoder_gets_a_sentence():
    with pytest.raises(SpikedistillError, match="did you mean 'direct'"):
        encoder("dierct")


def test_frames_are_shown_one_by_one_or_as_their_mean():
    samples = torch.rand(2, 3, 2, 4, 4)  # B, T, C, H, W
    shown = encoder("frames")(samples, 3)
    assert shown.shape == (3, 2, 2, 4, 4)
    assert all(torch.equal(shown[t, b], samples[b, t]) for t in range(3) for b in range(2))
    mean = encoder("frames")(samples, 1)
    assert mean.shape == (1, 2, 2, 4, 4)
    assert torch.allclose(mean[0, 1], (samples[1, 0] + samples[1, 1] + samples[1, 2]) / 3)


@pytest.mark.parametrize(
    "shape, timesteps, sentence",
    [
        ((2, 10, 2, 4, 4), 4, "have 10 frames and the network was asked for 4 steps"),
        ((2, 3, 4, 4), 3, r"takes samples of frames .* these are \[3, 4, 4\]"),
    ],
)
def test_frames_for_other_steps_or_images_get_a_sentence(shape, timesteps, sentence):
    with pytest.raises(SpikedistillError, match=sentence):
        encoder("frames")(torch.zeros(shape), timesteps)
