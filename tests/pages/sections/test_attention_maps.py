from __future__ import annotations

from spikedistill.pages.chapter import Chapter
from spikedistill.pages.sections import attention_maps


def test_attention_step_by_step(told: Chapter) -> None:
    main = attention_maps.show(told, "key")[0]
    assert main["title"] == "student: cross_entropy + sastc, attention of the loss sastc"
    assert main["guide"] == ["stage1", "stage2"]
    frames = [(frame["name"], frame["rows"]) for frame in main["frames"]]
    assert frames == [
        ("time step 1", [("stage1", [("0.700", 10), ("0.300", 0)])]),
        ("time step 2", [("stage1", [("0.400", 2), ("0.600", 8)])]),
    ]


def test_of_nothing(told: Chapter) -> None:
    assert attention_maps.show(Chapter(told.run, {}), "key") == []
