from __future__ import annotations

import pytest

from spikedistill.core.spec import Spec, summary

SHAPES = {
    "stage1": (2, 8, 16, 32, 32),
    "stage1_activated": (2, 8, 16, 32, 32),
    "stage2": (2, 8, 32, 16, 8),
    "pooled": (2, 8),
}
SPEC = Spec("student", 2, 8, 10, SHAPES)


def test_patterns_choose_taps_in_order_and_once():
    assert SPEC.select("stage[0-9]") == ("stage1", "stage2")
    assert SPEC.select("stage2", "stage*") == ("stage2", "stage1", "stage1_activated")


def test_a_pattern_that_matches_nothing_lists_what_is_declared():
    with pytest.raises(ValueError, match=r"student matches 'block\*'.*stage1.*stage2.*pooled"):
        SPEC.select("stage1", "block*")
    with pytest.raises(ValueError, match=r"network\.taps = \{'stage1': 'path\.of\.a\.module'\}"):
        Spec("student", 2, 8, 10).select("stage[0-9]")


def test_channels_grid_and_shape_of_a_tap():
    assert (SPEC.channels("stage2"), SPEC.grid("stage2")) == (32, (16, 8))
    assert SPEC.shape("pooled") == (2, 8)
    with pytest.raises(ValueError, match=r"'pooled' of the student has no channel axis: \(2, 8\)"):
        SPEC.channels("pooled")
    with pytest.raises(ValueError, match="student declares no tap 'stage3'"):
        SPEC.grid("stage3")


def test_long_families_are_folded_in_messages():
    names = [f"spikes{n}" for n in range(1, 19)] + ["stage1", "stage2"]
    assert summary(names) == "spikes1 ... spikes18, stage1, stage2"
    assert summary([]) == "none"


def test_the_feature_axis_of_maps_vectors_and_tokens():
    shapes = {"maps": (2, 8, 16, 5, 4), "vectors": (2, 8, 7), "tokens": (2, 8, 9, 6), "one": (2, 8)}
    spec = Spec("student", 2, 8, 10, shapes)
    assert [spec.width(tap) for tap in ("maps", "vectors", "tokens")] == [16, 7, 6]
    with pytest.raises(ValueError, match=r"'one' of the student has no feature axis: \(2, 8\)"):
        spec.width("one")
