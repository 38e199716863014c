from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from spikedistill.pages.plot import COLOURS, plot_curves, plot_result


def colours(path: Path) -> set[tuple[int, ...]]:
    pixels = np.asarray(Image.open(path).convert("RGB"))
    return {tuple(map(int, pixel)) for pixel in np.unique(pixels.reshape(-1, 3), axis=0)}


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def test_bars_for_students_and_a_line_for_the_teacher(tmp_path: Path) -> None:
    teacher = {"role": "teacher", "losses": [], "metric": "accuracy",
               "scores": {"accuracy": [98.0]}, "firing_rate": None}  # fmt: skip
    student = {"role": "student", "losses": ["kd"], "metric": "accuracy",
               "scores": {"accuracy": [90.0, 95.0]}, "firing_rate": 0.1}  # fmt: skip
    plot_result({"name": "x", "seed": 0, "rows": [teacher, student]}, tmp_path / "all.png")
    plot_result({"name": "x", "seed": 0, "rows": [student]}, tmp_path / "student.png")
    bar, line = rgb(COLOURS[0]), rgb(COLOURS[1])
    assert bar in colours(tmp_path / "all.png") and line in colours(tmp_path / "all.png")
    assert line not in colours(tmp_path / "student.png")


def test_a_network_without_an_answer_after_some_steps_has_no_bar_there(tmp_path: Path) -> None:
    row = {"role": "student", "losses": ["kd"], "firing_rate": 0.1, "metric": "error", "unit": "",
           "scores": {"error": [None, 400.0]}}  # fmt: skip
    plot_result({"name": "x", "seed": 0, "rows": [row]}, tmp_path / "one.png")
    assert rgb(COLOURS[0]) in colours(tmp_path / "one.png")
    row["scores"] = {"error": [None, None]}
    plot_result({"name": "x", "seed": 0, "rows": [row]}, tmp_path / "none.png")
    assert rgb(COLOURS[0]) not in colours(tmp_path / "none.png")


def test_a_curve_for_each_training(tmp_path: Path) -> None:
    rows = [{"epoch": epoch, "losses": {"ce": 1 / epoch},
             "valid": {"metric": "accuracy", "unit": "%", "scores": {"accuracy": [10.0 * epoch]}}}
            for epoch in (1, 2, 3)]  # fmt: skip
    plot_curves({"one": rows, "two": rows[:2], "three": []}, tmp_path / "curves.png")
    assert {rgb(COLOURS[1])} <= colours(tmp_path / "curves.png")


def test_curves_of_an_earlier_version_are_the_same(tmp_path: Path) -> None:
    now = {"metric": "accuracy", "unit": "%", "scores": {"accuracy": [10.0, 20.0]}}
    for name, valid in (("now", now), ("then", {"accuracy": [10.0, 20.0]})):
        rows = [{"epoch": epoch, "losses": {"ce": 1.0}, "valid": valid} for epoch in (1, 2)]
        plot_curves({"one": rows}, tmp_path / f"{name}.png")
    assert (tmp_path / "now.png").read_bytes() == (tmp_path / "then.png").read_bytes()
