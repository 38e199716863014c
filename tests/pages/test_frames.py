from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from spikedistill.pages.frames import OFF, ON, coloured, plot_frames


def test_colours_of_single_pixels() -> None:
    frame = torch.zeros(2, 1, 4)
    frame[0, 0, 1], frame[1, 0, 2], frame[1, 0, 3] = 2, 1, 9
    white, off, half, full = coloured(frame, 2)[0].tolist()
    assert white == [1, 1, 1]
    assert off == pytest.approx(OFF) and full == pytest.approx(ON)
    assert half == pytest.approx([(1 + value) / 2 for value in ON])


def test_a_row_for_each_recording_and_a_column_for_each_frame(tmp_path: Path) -> None:
    rows = {"one": torch.rand(3, 2, 8, 8), "two": torch.zeros(3, 2, 8, 8)}
    plot_frames(rows, tmp_path / "two.png")
    plot_frames({"one": rows["one"]}, tmp_path / "one.png")
    two, one = (Image.open(tmp_path / f"{name}.png").size for name in ("two", "one"))
    assert two[0] == one[0] and two[1] > 1.5 * one[1]
