from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from spikedistill.build.saved import load
from spikedistill.core.over_time import OverTime
from spikedistill.data import Loader, data_set
from spikedistill.training.evaluate import evaluate


def test_the_table(spike: Any, finished: Path) -> None:
    done = spike("deploy", finished, "--weights", "int8", "--evaluate")
    assert done.code == 0, done.err
    for text in ("T = 2, int8 weights", "accuracy %, 359 test samples of digits", "note: network."):
        assert text in done.out


def test_the_figures(spike: Any, finished: Path) -> None:
    found = json.loads(spike("deploy", finished, "--weights", "int8", "--evaluate", "--json").out)
    network = load(finished)
    assert isinstance(network, OverTime)
    test = Loader(data_set("digits").test, 128)
    seen = evaluate(network.network, test, 2)
    assert found["before"]["score"] == seen.score == seen.scores["accuracy"][-1]
    assert (found["metric"], found["unit"]) == ("accuracy", "%")
    assert abs(found["after"]["score"] - found["before"]["score"]) < 10
    assert found["after"]["weight_bytes"] < found["before"]["weight_bytes"] / 3
    assert found["before"]["milliseconds_per_sample"] > 0
    folded = json.loads(spike("deploy", finished, "--evaluate", "--json").out)
    assert abs(folded["after"]["score"] - folded["before"]["score"]) <= 100 / 359
    assert folded["after"]["parameters"] < folded["before"]["parameters"]


def test_a_file(spike: Any, finished: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    out = tmp_path / "digits.onnx"
    done = spike("deploy", finished, "-T", 1, "--out", out)
    assert done.code == 0 and f"written: {out}" in done.out and out.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--weights", "int4"], 2, "is not one of float, bfloat16, int8"),
        (["--out", "net.pt"], 1, "ends in .onnx, not 'net.pt'"),
        (["--out", "net.onnx", "--weights", "bfloat16"], 1, "no bfloat16 convolution"),
    ],
)
def test_wrong_options(
    spike: Any, finished: Path, options: list[str], code: int, sentence: str
) -> None:
    done = spike("deploy", finished, *options)
    assert done.code == code and sentence in done.err and "Traceback" not in done.err


def test_without_the_extra(
    spike: Any, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    done = spike("deploy", finished, "--out", tmp_path / "net.onnx")
    assert done.code == 1 and "pip install 'spikedistill[onnx]'" in done.err


def test_a_network_that_sees_encoded_inputs(spike: Any, finished: Path, tmp_path: Path) -> None:
    for name in ("model.json", "model.safetensors"):
        (tmp_path / name).write_bytes((finished / name).read_bytes())
    card = json.loads((tmp_path / "model.json").read_text())
    for encoder, sentence in (("rate", "with rate coding"), ("frames", "on event frames")):
        (tmp_path / "model.json").write_text(json.dumps({**card, "encoder": encoder}))
        done = spike("deploy", tmp_path)
        assert done.code == 1 and sentence in done.err
