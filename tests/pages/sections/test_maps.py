from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikedistill.pages.chapter import Chapter
from spikedistill.pages.pictures import photo
from spikedistill.pages.sections import maps


def test_of_nothing(told: Chapter) -> None:
    assert maps.show(Chapter(told.run, {}), "key") is None


def test_maps_of_all_networks_over_the_same_images(told: Chapter) -> None:
    found = maps.show(told, "key")
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
    found = maps.show(told, "key")
    assert found is not None and found["moving"]
    addresses = [photo(picture) for picture in frames.reshape(6, 3, 8, 8)]
    shown = [[found["addresses"][n - 1] for n in one["pictures"]] for one in found["frames"]]
    assert shown == [[addresses[step], addresses[3 + step]] for step in range(3)]
    for frame, seen_at in zip(found["frames"], shown, strict=True):
        for row in frame["rows"]:  # an ANN runs on the mean frame
            own = [found["addresses"][n - 1] for n in row["pictures"]]
            assert own == ([addresses[2], addresses[5]] if row["kind"] == "Grad-CAM" else seen_at)
    teacher = {key: seen for key, seen in told.examined.items() if key[0] == "networks"}
    found = maps.show(replace(told, examined=teacher), "key")  # an ANN on the mean frame
    assert found is not None and found["frames"][0]["pictures"] == [
        found["addresses"].index(addresses[n]) + 1 for n in (2, 5)
    ]
