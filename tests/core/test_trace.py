from __future__ import annotations

import pytest
import torch

from spikedistill.core.trace import Batch, Trace


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


def test_the_first_steps_and_what_stands_for_all_of_them():
    outputs = torch.arange(6.0).reshape(3, 2, 1)
    whole = Trace(
        outputs, {"stage1": 2 * outputs, "stem": outputs[:1]}, {"w": outputs}, {"a": outputs}
    )
    two = whole.after(2)
    assert torch.equal(two.outputs, outputs[:2]) and two.timesteps == 2
    assert torch.equal(two["stage1"], 2 * outputs[:2]) and torch.equal(two["stem"], outputs[:1])
    assert torch.equal(two.named["a"], outputs[:2]) and two.parameters["w"] is outputs
    assert two.logits.tolist() == [[1.0], [2.0]]


def test_a_batch_of_several_inputs_is_as_long_as_each():
    several = {"tokens": torch.zeros(3, 5), "mask": torch.ones(3, 5)}
    generator = torch.Generator()
    batch = Batch(several, {"box": torch.zeros(3, 4)}, torch.arange(3), generator=generator)
    moved = batch.to(torch.device("meta"))
    assert len(batch) == len(moved) == 3 and len(Batch(torch.zeros(4, 2), torch.zeros(4))) == 4
    assert [value.device.type for value in moved.inputs.values()] == ["meta", "meta"]
    assert moved.targets["box"].device.type == moved.index.device.type == "meta"
    assert moved.mask is None and moved.generator is generator
    assert several["tokens"].device.type == "cpu"


@pytest.mark.wrong_types
def test_a_batch_is_of_tensors():
    with pytest.raises(ValueError, match=r"targets of a Batch are a tensor, .* and list was given"):
        Batch(torch.zeros(2, 3), [0, 1])  # type: ignore[arg-type]
