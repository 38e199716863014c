from __future__ import annotations

import json
from typing import Any


def test_a_method_has_its_formula_options_and_reference(spike: Any) -> None:
    out = spike("show", "logit_kd").out
    assert "KL( sigma(zbar_t[b] / tau)" in out
    assert "Hinton et al., NIPS Deep Learning Workshop 2014" in out
    (item,) = json.loads(spike("show", "logit_kd", "--json").out)
    assert [(option["name"], option["default"]) for option in item["options"]] == [
        ("temperature", "4.0"),
        ("time", "'fused'"),
    ]
    assert item["reference"]["key"] == "hinton2015distilling"


def test_one_name_of_several_things(spike: Any) -> None:
    kinds = [item["kind"] for item in json.loads(spike("show", "digits", "--json").out)]
    assert kinds == ["model", "data set"]


def test_a_recipe_is_shown_as_it_is_written(spike: Any) -> None:
    out = spike("show", "cifar100-sastc").out
    assert "base: cifar10-sastc" in out and "79.40" in out


def test_a_block_of_a_recipe(spike: Any) -> None:
    out = spike("show", "training").out
    assert "- warmup: epochs over which" in out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines()]
    assert ["milestones", "", "a list of whole numbers"] in rows and [
        "lr",
        "0.1",
        "a number",
    ] in rows


def test_metrics_conversions_and_tasks_have_their_pages(spike: Any) -> None:
    (metric,) = json.loads(spike("show", "accuracy", "--json").out)
    assert metric["kind"] == "metric" and "whose best class is the target's" in metric["text"]
    assert [(one["name"], one["default"]) for one in metric["options"]] == [("top", "1")]
    (twin,) = json.loads(spike("show", "twin", "--json").out)
    assert twin["kind"] == "conversion" and {one["name"] for one in twin["options"]} == {
        "neuron", "weights", "thresholds", "percentile",
    }  # fmt: skip
    (task,) = json.loads(spike("show", "image_classification", "--json").out)
    assert task["kind"] == "task" and task["options"] == []


def test_presets_say_what_they_set(spike: Any) -> None:
    (item,) = json.loads(spike("show", "lif", "--json").out)
    assert item["presets"]["sastc"] == "the defaults"
    assert item["presets"]["tdbn"].startswith("tau 1.333, surrogate Rectangle(width=1.0)")
    assert "spikformer_attention" in spike("show", "lif").out
