from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikedistill.report import inside
from spikedistill.report.chapter import Chapter
from spikedistill.report.pictures import photo
from spikedistill.report.read_run import read_run


@pytest.fixture
def told(make_run: Callable[..., Path], looks: dict[Any, Any]) -> Chapter:
    return Chapter(read_run(make_run()), looks)


def test_attention_step_by_step(told: Chapter) -> None:
    main = inside.attention(told)[0]
    assert main["title"] == "student: cross_entropy + sastc, attention of the loss sastc"
    assert main["guide"] == ["stage1", "stage2"]
    frames = [(frame["name"], frame["rows"]) for frame in main["frames"]]
    assert frames == [
        ("time step 1", [("stage1", [("0.700", 10), ("0.300", 0)])]),
        ("time step 2", [("stage1", [("0.400", 2), ("0.600", 8)])]),
    ]


def test_maps_of_all_networks_over_the_same_images(told: Chapter) -> None:
    found = inside.maps(told)
    assert found is not None and found["names"] == ["cat", "dog"]
    assert [f["name"] for f in found["frames"]] == ["time step 1", "time step 2", "sum over time"]
    rows = found["frames"][0]["rows"]
    assert [row["kind"] for row in rows] == ["spike activation", "Grad-CAM", "spike activation"]
    assert [(m["answer"], m["right"]) for m in rows[0]["maps"]] == [("cat", True), ("fox", False)]
    assert not found["moving"] and len(found["addresses"]) == 2
    assert all(frame["pictures"] == [1, 2] for frame in found["frames"])
    teacher = [frame["rows"][1]["maps"] for frame in found["frames"]]
    assert teacher[0] == teacher[1] == teacher[2]  # it knows no time
    student = [frame["rows"][0]["maps"][0]["address"] for frame in found["frames"]]
    assert len(set(student)) == 3
    seen = told.examined
    a = seen["cells", "student"].arrays["maps"][-1].astype(np.float64).reshape(2, -1)
    b = seen["networks", "teacher"].arrays["maps"][-1].astype(np.float64).reshape(2, -1)
    expected = np.mean([np.corrcoef(a[i], b[i])[0, 1] for i in range(2)])
    assert found["layers"][0].endswith(f"correlation with the teacher's {expected:+.2f}")


def test_maps_lie_over_the_frame_of_their_step(told: Chapter) -> None:
    frames = np.zeros((2, 3, 3, 8, 8), np.uint8)  # two images, two steps and the mean
    frames[:] = 20 * np.arange(6).reshape(2, 3, 1, 1, 1)
    for seen in told.examined.values():
        seen.arrays["examples"] = frames
    found = inside.maps(told)
    assert found is not None and found["moving"]
    addresses = [photo(picture) for picture in frames.reshape(6, 3, 8, 8)]
    shown = [[found["addresses"][n - 1] for n in one["pictures"]] for one in found["frames"]]
    assert shown == [[addresses[step], addresses[3 + step]] for step in range(3)]
    for frame, seen_at in zip(found["frames"], shown, strict=True):
        for row in frame["rows"]:  # an ANN runs on the mean frame
            own = [found["addresses"][n - 1] for n in row["pictures"]]
            assert own == ([addresses[2], addresses[5]] if row["kind"] == "Grad-CAM" else seen_at)
    teacher = {key: seen for key, seen in told.examined.items() if key[0] == "networks"}
    found = inside.maps(replace(told, examined=teacher))  # an ANN on the mean frame
    assert found is not None and found["frames"][0]["pictures"] == [
        found["addresses"].index(addresses[n]) + 1 for n in (2, 5)
    ]


def test_firing(told: Chapter) -> None:
    found = inside.firing(told, "k")
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


def test_energy_by_layer(told: Chapter) -> None:
    main = inside.energy(told)[0]
    assert main["total"] == "910 nJ"
    kinds = [(layer["kind"], layer["count"], layer["share"]) for layer in main["layers"]]
    assert kinds == [("multiply-adds", "100 k", "50.5"), ("accumulations", "500 k", "49.5")]
    assert main["models"] == [
        ("45 nm, float32: 4.6 / 0.9 pJ", "910 nJ", "1.82 µJ", "0.500"),
        ("8-bit weights, ANN with 2-bit activations", "400 nJ", "100 nJ", "4.000"),
    ]
    assert inside.energy(told)[1]["models"] == []  # the teacher is an ANN


def test_confusion(told: Chapter) -> None:
    main = inside.confusion(told)[0]
    assert main["rows"][0] == ("cat", 6, [(5, 8, True), (1, 2, False), (0, 0, False)])
    assert (main["images"], main["of"]) == (10, 40)
    facts = told.examined["cells", "student"].facts
    facts["classes"] = [f"class {n}" for n in range(100)]
    many = inside.confusion(told)[0]
    assert many["rows"] == [] and many["listed"] == [("class 0", "class 1", 1)]


def test_mistakes(told: Chapter) -> None:
    (shown,) = inside.mistakes(told)[0]["shown"]
    assert (shown["true"], shown["answered"], shown["confidence"]) == ("cat", "dog", "98.7")
    assert shown["steps"] == "right after T' = 1"


def test_a_network_that_tells_more_classes_apart_than_the_data(told: Chapter) -> None:
    facts = told.examined["cells", "student"].facts
    facts["confusion"].append([1, 4, 2])
    facts["mistakes"][0]["answered"] = 4
    assert inside.confusion(told)[0]["classes"] == ["cat", "dog", "fox", "3", "4"]
    assert inside.mistakes(told)[0]["shown"][0]["answered"] == "4"


def test_of_nothing(told: Chapter) -> None:
    alone = Chapter(told.run, {})
    assert inside.maps(alone) is None and inside.attention(alone) == inside.firing(alone, "k") == []
