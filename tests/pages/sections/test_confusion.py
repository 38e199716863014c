from __future__ import annotations

import torch

from spikedistill.data import Split
from spikedistill.pages.chapter import Chapter
from spikedistill.pages.sections import Answers, confusion, mistakes


def test_what_is_kept_is_how_often_each_class_was_taken_for_which() -> None:
    """Four samples, three classes; the mean over the steps answers."""
    outputs = torch.tensor([
        [[3.0, 0, 0], [0, 2, 0], [0, 0, 1], [0, 1, 0]],
        [[0.0, 1, 0], [0, 0, 5], [0, 0, 1], [0, 1, 0]],
    ])  # fmt: skip
    targets, none = (
        torch.tensor([0, 1, 0, 1]),
        Split(torch.zeros(0, 1, 2, 2).byte(), torch.zeros(0).long()),
    )
    kept = confusion.gather(Answers(outputs, targets, none, per_sample=True))
    assert kept.facts == {"confusion": [[0, 0, 1], [0, 2, 1], [1, 1, 1], [1, 2, 1]]}
    assert kept.arrays == {}
    twice = Answers(torch.cat([outputs, outputs], 1), targets.repeat(2), none, per_sample=False)
    assert confusion.gather(twice).facts == {
        "confusion": [[true, answer, 2] for true, answer, _ in kept.facts["confusion"]]
    }


def test_networks_of_another_task_are_left_out(told: Chapter) -> None:
    del told.examined["networks", "teacher"].facts["confusion"]
    names = [one["name"] for one in confusion.show(told, "key")]
    assert names == ["student: cross_entropy + sastc", "cross_entropy"]


def test_confusion(told: Chapter) -> None:
    main = confusion.show(told, "key")[0]
    assert main["rows"][0] == ("cat", 6, [(5, 8, True), (1, 2, False), (0, 0, False)])
    assert (main["images"], main["of"]) == (10, 40)
    facts = told.examined["cells", "student"].facts
    facts["classes"] = [f"class {n}" for n in range(100)]
    many = confusion.show(told, "key")[0]
    assert many["rows"] == [] and many["listed"] == [("class 0", "class 1", 1)]


def test_a_network_that_tells_more_classes_apart_than_the_data(told: Chapter) -> None:
    facts = told.examined["cells", "student"].facts
    facts["confusion"].append([1, 4, 2])
    facts["mistakes"][0]["answered"] = 4
    assert confusion.show(told, "key")[0]["classes"] == ["cat", "dog", "fox", "3", "4"]
    assert mistakes.show(told, "key")[0]["shown"][0]["answered"] == "4"
