"""A record gives back what was answered, by sample, and refuses to be larger than it may."""

import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.training import record
from spikedistill.training.record import Record


def values(index: torch.Tensor) -> dict[str, torch.Tensor]:
    """A map of two steps and outputs of one, different for every sample."""
    maps = torch.arange(2 * 3 * 4 * 5).view(2, 1, 3, 4, 5) + 1000.0 * index.view(1, -1, 1, 1, 1)
    return {"": index.view(1, -1, 1).repeat(1, 1, 2).bfloat16(), "map": maps}


def test_samples_come_back_in_the_order_in_which_they_are_asked_for():
    kept = Record("teacher", 6)
    first, second = torch.tensor([4, 1, 0]), torch.tensor([5, 2, 3])
    for index in (first, second):
        assert kept.answer(index, lambda index=index: values(index)).keys() == {"", "map"}
    mixed = torch.tensor([3, 4, 0, 2])
    found = kept.answer(mixed, lambda: pytest.fail("all of them are known"))
    for name, value in values(mixed).items():
        assert torch.equal(found[name], value) and found[name].dtype == value.dtype


def test_a_batch_with_an_unknown_sample_is_asked_for():
    kept, asked = Record("teacher", 6), []
    for index in ([0, 1], [1, 2], [0, 2], [2, 3]):
        index = torch.tensor(index)
        kept.answer(index, lambda index=index: asked.append(1) or values(index))
    assert len(asked) == 3


def test_the_order_in_memory_is_kept():
    kept, index = Record("teacher", 2), torch.arange(2)
    maps = torch.rand(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    kept.answer(index, lambda: {"map": maps.unsqueeze(0)})
    found = kept.answer(index, lambda: {})["map"]
    assert torch.equal(found[0], maps)
    assert found[0].is_contiguous(memory_format=torch.channels_last)


def test_what_is_recorded_later_changes_with_nobody():
    kept, index = Record("teacher", 2), torch.arange(2)
    answered = {"": torch.zeros(1, 2, 3)}
    kept.answer(index, lambda: answered)
    answered[""] += 1
    found = kept.answer(index, lambda: {})[""]
    assert float(found.sum()) == 0
    found += 1
    assert float(kept.answer(index, lambda: {})[""].sum()) == 0


def test_a_record_that_would_not_fit_is_refused_with_both_numbers(monkeypatch):
    index = torch.arange(2)
    monkeypatch.setattr(record, "available", lambda device: 2 * 483_999)
    message = (
        r"of the role 'teacher' would take 472.7 KiB \(1000 samples of 484 B\), more than "
        r"472.7 KiB, 50% of the memory that is available; set record: false for it"
    )
    with pytest.raises(SpikedistillError, match=message):
        Record("teacher", 1000).answer(index, lambda: values(index))
    Record("teacher", 999).answer(index, lambda: values(index))
