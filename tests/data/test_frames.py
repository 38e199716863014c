from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from spikedistill.data._events import Events
from spikedistill.data._frames import edges, integrate, resized


def made(count, seed=0, sensor=(5, 7), duration=1000):
    draw = np.random.default_rng(seed)
    t = np.sort(draw.integers(0, duration, count))
    return Events(
        t, draw.integers(0, sensor[1], count), draw.integers(0, sensor[0], count),
        draw.integers(0, 2, count),
    )  # fmt: skip


def test_slices_by_number_of_the_reference():
    assert edges(np.arange(10), 3, "number").tolist() == [0, 3, 6, 10]
    assert edges(np.arange(2), 4, "number").tolist() == [0, 0, 0, 0, 2]


def test_slices_by_time_the_last_gets_the_rest():
    # floor((11 - 0) / 3) = 3 us each: [0, 3), [3, 6), [6, ...]
    t = np.array([0, 2, 3, 7, 8, 9, 11])
    assert edges(t, 3, "time").tolist() == [0, 2, 3, 7]
    assert edges(np.array([4, 4, 4]), 2, "time").tolist() == [0, 0, 3]


@pytest.mark.parametrize("split_by", ["number", "time"])
@pytest.mark.parametrize("timesteps", [1, 3, 10])
def test_frames_are_the_plain_loop(split_by, timesteps):
    events = made(200)
    frames = integrate(events, timesteps, split_by, (5, 7))
    expected = np.zeros((timesteps, 2, 5, 7), int)
    each, width = 200 // timesteps, (events.t[-1] - events.t[0]) // timesteps
    for k in range(200):
        j = k // each if split_by == "number" else (events.t[k] - events.t[0]) // width
        expected[min(j, timesteps - 1), events.p[k], events.y[k], events.x[k]] += 1
    assert frames.dtype == np.uint8 and np.array_equal(frames, expected)


def test_counts_are_not_clipped():
    zeros = np.zeros(70_000, int)
    events = Events(np.arange(70_000), zeros, zeros, zeros)
    assert integrate(events, 2, "number", (3, 3)).max() == 35_000
    assert integrate(events, 1, "number", (3, 3)).max() == 70_000


def test_smaller_frames_are_those_of_pillow_and_keep_the_mean():
    frames = torch.rand(2, 2, 16, 16)
    small = resized(frames, 6)
    image = Image.fromarray(frames[1, 0].numpy()).resize((6, 6), Image.Resampling.BILINEAR)
    assert small.shape == (2, 2, 6, 6)
    assert torch.allclose(small[1, 0], torch.from_numpy(np.array(image)), atol=1e-5)
    assert torch.allclose(resized(torch.full((1, 2, 9, 9), 3.0), 4), torch.tensor(3.0))
    assert resized(frames, None) is frames and resized(frames, 16) is frames
