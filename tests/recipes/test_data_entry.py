from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from spikedistill.build.data import build_data
from spikedistill.recipes.data_entry import read_data
from spikedistill.recipes.faults import from_pydantic


def test_label_noise_is_written_where_it_was_asked_for_and_reaches_the_data() -> None:
    assert read_data("digits").plain() == {"name": "digits"}
    entry = read_data({"name": "digits", "train_limit": 100, "label_noise": "0.2"})
    assert entry.plain() == {"name": "digits", "train_limit": 100, "label_noise": 0.2}
    clean = build_data(read_data({"name": "digits", "train_limit": 100}), None, 4)
    noisy = build_data(entry, None, 4)
    assert (clean.train.labels != noisy.train.labels).sum() == 20  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"name": "digits", "label_noise": 1.5}, "label_noise: a label noise of 1.5 is no share"),
        ({"name": "digits", "label_noise": "much"}, "label_noise: should be a number, not the te"),
        ({"name": "digits", "label_nois": 0.1}, "label_nois: unknown option; did you mean 'label_"),
        ({"given": "mine", "label_noise": 0.1}, "label_noise: data from Python is taken as it is"),
    ],
)
def test_label_noise_that_cannot_be_is_refused(given: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read_data(given)
    assert [str(one)[: len(fault)] for one in from_pydantic(caught.value)] == [fault]
