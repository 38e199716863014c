from __future__ import annotations

from spikedistill.pages.chapter import Chapter
from spikedistill.pages.sections import energy_by_layer


def test_energy_by_layer(told: Chapter) -> None:
    main = energy_by_layer.show(told, "key")[0]
    assert main["total"] == "910 nJ"
    kinds = [(layer["kind"], layer["count"], layer["share"]) for layer in main["layers"]]
    assert kinds == [("multiply-adds", "100 k", "50.5"), ("accumulations", "500 k", "49.5")]
    assert main["models"] == [
        ("45 nm, float32: 4.6 / 0.9 pJ", "910 nJ", "1.82 µJ", "0.500"),
        ("8-bit weights, ANN with 2-bit activations", "400 nJ", "100 nJ", "4.000"),
    ]
    assert energy_by_layer.show(told, "key")[1]["models"] == []  # the teacher is an ANN
