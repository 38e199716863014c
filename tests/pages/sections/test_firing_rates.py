from __future__ import annotations

from spikedistill.pages.chapter import Chapter
from spikedistill.pages.sections import firing_rates


def test_firing(told: Chapter) -> None:
    found = firing_rates.show(told, "k")
    assert [one["name"] for one in found] == ["student: cross_entropy + sastc", "cross_entropy"]
    assert found[0]["layers"][0] == {
        "path": "layer1", "tap": "spikes1", "shape": "4 x 8 x 8", "never": "1.5", "always": "50.0",
        "channels": "25.0", "rates": [("0.125", 1), ("0.375", 4)],
    }  # fmt: skip
    assert [len(frame["maps"]) for frame in found[0]["places"]] == [2, 2]
    potentials = found[0]["potentials"][0]
    assert potentials.marked is not None
    assert potentials.text.endswith("by step: 20.0 %, 20.0 %")  # two of ten bins lie above 1
    assert len({drawn.key for one in found for drawn in one["potentials"]}) == 4


def test_of_nothing(told: Chapter) -> None:
    assert firing_rates.show(Chapter(told.run, {}), "key") == []
