from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from spikedistill.data import Split
from spikedistill.pages.chapter import Chapter
from spikedistill.pages.sections import Answers, mistakes

OUTPUTS = torch.tensor([
    [[3.0, 0, 0], [0, 0, 1], [0, 2, 0], [0, 1, 0]],
    [[0.0, 1, 0], [0, 0, 1], [0, 0, 5], [0, 1, 0]],
])  # fmt: skip


def test_what_is_kept_are_the_surest_wrong_answers_and_their_pictures() -> None:
    """Four samples, three classes: the second and the third are wrong, the third more surely."""
    images = torch.arange(16, dtype=torch.uint8).reshape(4, 1, 2, 2)
    labels = torch.tensor([0, 0, 1, 1])
    kept = mistakes.gather(Answers(OUTPUTS, labels, Split(images, labels), per_sample=True))
    third = math.exp(2.5) / (1 + math.e + math.exp(2.5))
    second = math.e / (2 + math.e)
    assert kept.facts == {
        "mistakes": [
            {"true": 1, "answered": 2, "confidence": pytest.approx(third), "steps": [1, 2]},
            {"true": 0, "answered": 2, "confidence": pytest.approx(second), "steps": [2, 2]},
        ]
    }
    assert np.array_equal(kept.arrays["mistakes"], images[[2, 1]].numpy())


def test_not_all_of_many_mistakes_are_kept() -> None:
    many = mistakes.MISTAKES + 5
    outputs = torch.zeros(1, many, 2)
    outputs[0, :, 1] = torch.arange(many)
    labels = torch.zeros(many, dtype=torch.int64)
    images = torch.arange(many, dtype=torch.uint8).reshape(many, 1, 1, 1)
    # the first sample answers neither class more than the other, and so the first one: it is right
    kept = mistakes.gather(Answers(outputs, labels, Split(images, labels), per_sample=True))
    surest = list(range(many - 1, 4, -1))
    assert kept.arrays["mistakes"].flatten().tolist() == surest and len(surest) == 12


def test_of_recordings_the_mean_frame_is_kept() -> None:
    frames = torch.zeros(4, 2, 1, 2, 2)
    frames[:, 1] = 0.4
    labels = torch.tensor([0, 0, 1, 1])
    data = torch.utils.data.TensorDataset(frames, labels)
    kept = mistakes.gather(Answers(OUTPUTS, labels, data, per_sample=True))
    assert kept.arrays["mistakes"].shape == (2, 1, 2, 2)
    assert set(kept.arrays["mistakes"].flatten().tolist()) == {51}  # 0.2 of 255


def test_without_mistakes_there_are_no_pictures() -> None:
    labels = torch.tensor([0, 2, 2, 1])
    none = Split(torch.zeros(0, 1, 2, 2).byte(), torch.zeros(0).long())
    kept = mistakes.gather(Answers(OUTPUTS, labels, none, per_sample=True))
    assert kept.facts == {"mistakes": []} and len(kept.arrays["mistakes"]) == 0


def test_answers_at_positions_have_no_pictures_and_are_not_shown(told: Chapter) -> None:
    labels = torch.tensor([0, 0, 1, 1])
    none = Split(torch.zeros(0, 1, 2, 2).byte(), torch.zeros(0).long())
    kept = mistakes.gather(Answers(OUTPUTS, labels, none, per_sample=False))
    assert kept.facts == {"mistakes": []} and kept.arrays == {}
    for seen in told.examined.values():
        seen.facts.update(kept.facts)
        del seen.arrays["mistakes"]
    assert mistakes.show(told, "key") == []


def test_networks_of_another_task_are_left_out(told: Chapter) -> None:
    del told.examined["networks", "teacher"].facts["mistakes"]
    names = [one["name"] for one in mistakes.show(told, "key")]
    assert names == ["student: cross_entropy + sastc", "cross_entropy"]


def test_mistakes(told: Chapter) -> None:
    (shown,) = mistakes.show(told, "key")[0]["shown"]
    assert (shown["true"], shown["answered"], shown["confidence"]) == ("cat", "dog", "98.7")
    assert shown["steps"] == "right after T' = 1"
