from __future__ import annotations

import pytest
import torch

from spikedistill.core.trace import Trace


def trace() -> Trace:
    outputs = torch.tensor([[[1.0, 2.0]], [[3.0, 6.0]]], requires_grad=True)
    return Trace(outputs, {"stage1": outputs * 2}, {"head.weight": outputs * 3})


def test_logits_are_the_mean_over_time():
    assert trace().logits.tolist() == [[2.0, 4.0]]
    assert trace().timesteps == 2


def test_detach_cuts_outputs_taps_and_parameters():
    cut = trace().detach()
    values = [cut.outputs, *cut.taps.values(), *cut.parameters.values()]
    assert not any(value.requires_grad for value in values)
    assert cut["stage1"].tolist() == trace()["stage1"].tolist()


def test_a_tap_that_was_not_recorded_is_named_with_those_that_were():
    with pytest.raises(KeyError, match=r"'stage2' was not recorded.*recorded: stage1"):
        trace()["stage2"]
