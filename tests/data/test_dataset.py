from __future__ import annotations

import torch
from torch.utils.data import Subset, TensorDataset

from spikedistill.data import DataSet, Split, class_counts
from spikedistill.data._dataset import carve, labels_of, spread, stratified_order


def test_every_run_of_the_order_holds_the_classes_in_their_shares():
    labels = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)
    order = stratified_order(100, labels, seed=0)
    assert sorted(order.tolist()) == list(range(100))
    for first in (10, 20, 50, 90):
        counts = labels[order[:first]].bincount(minlength=3)
        expected = torch.tensor([0.6, 0.3, 0.1]) * first
        assert (counts - expected).abs().max() <= 1


def test_the_order_is_a_function_of_the_seed():
    labels = torch.arange(100) % 4
    one, same, other = (stratified_order(100, labels, seed) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert sorted(stratified_order(9, None, 0).tolist()) == list(range(9))


def test_parts_are_disjoint_and_in_the_original_order():
    split = Split(torch.zeros(100, 1, 1, 1, dtype=torch.uint8), torch.arange(100))
    parts = carve(split, [0.2, 30], seed=3)
    assert [len(part) for part in parts] == [20, 30, 50]
    seen = torch.cat([part.labels for part in parts])
    assert sorted(seen.tolist()) == list(range(100))
    assert all(torch.equal(part.labels, part.labels.sort().values) for part in parts)


def test_labels_are_found_where_torch_data_sets_keep_them():
    data = TensorDataset(torch.zeros(4, 1, 1, 1))
    assert labels_of(data) is None
    data.targets = [3, 2, 1, 0]
    assert labels_of(data).tolist() == [3, 2, 1, 0]
    assert labels_of(Subset(data, [2, 0])).tolist() == [1, 3]
    assert labels_of(Subset(data, [])).tolist() == []
    data.targets = [0.5] * 4
    assert labels_of(data) is None


def test_a_few_samples_of_sorted_data_show_every_class():
    split = Split(torch.zeros(100, 1, 2, 2, dtype=torch.uint8), torch.arange(100) // 10)
    assert spread(split, 20).labels.bincount().tolist() == [2] * 10
    assert spread(split, 100) is split and len(spread(split, 1)) == 1


def test_the_training_samples_of_each_class_are_counted():
    images = torch.zeros(4, 1, 1, 1, dtype=torch.uint8)
    split = Split(images, torch.tensor([2, 0, 2, 2]))
    assert class_counts(DataSet("x", split, split, split, ("a", "b", "c"))) == (1, 0, 3)
    assert class_counts(DataSet("x", split, split, split, ("a", "b"))) == ()
    assert class_counts(DataSet("x", split, split, split)) == ()
    unknown = TensorDataset(torch.zeros(4, 1, 1, 1))
    assert class_counts(DataSet("x", unknown, unknown, unknown, ("a", "b", "c"))) == ()
