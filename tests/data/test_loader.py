from __future__ import annotations

import pytest
import torch
from torch.utils.data import TensorDataset

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import Loader, Split, _loader, augmentation


def split(count=50):
    images = torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8)
    return Split(images, torch.arange(count) % 10)


def torch_data(made):
    return TensorDataset(made.images, made.labels)


@pytest.fixture(params=["memory", "torch"])
def data(request):
    made = split()
    return made if request.param == "memory" else torch_data(made)


def equal(one, other):
    return (
        torch.equal(one.inputs, other.inputs)
        and torch.equal(one.targets, other.targets)
        and torch.equal(one.index, other.index)
    )


AUGMENT = augmentation({"crop": 2, "flip": True, "cutout": 3, "mixup": 0.5}, classes=10)


def test_batches_hold_floats_in_channels_last():
    made = split()
    batch = next(Loader(made, 16).epoch(0))
    assert batch.inputs.dtype == torch.float32
    assert batch.inputs.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch.inputs, made.images[:16].float() / 255)
    assert torch.equal(batch.targets, made.labels[:16])
    assert torch.equal(batch.index, torch.arange(16))


def test_both_kinds_of_data_give_the_same_batches():
    made = split()
    one = Loader(made, 16, seed=4, shuffle=True, augment=AUGMENT)
    other = Loader(torch_data(made), 16, seed=4, shuffle=True, augment=AUGMENT)
    assert all(equal(a, b) for a, b in zip(one.epoch(2), other.epoch(2), strict=True))


def test_an_epoch_sees_every_sample_once_in_an_order_of_seed_and_epoch(data):
    loader = Loader(data, 16, seed=1, shuffle=True)

    def order(loader, epoch):
        return torch.cat([batch.index for batch in loader.epoch(epoch)]).tolist()

    assert sorted(order(loader, 0)) == list(range(50))
    assert order(loader, 0) == order(Loader(data, 7, seed=1, shuffle=True), 0)
    assert order(loader, 0) != order(loader, 1)
    assert order(loader, 0) != order(Loader(data, 16, seed=2, shuffle=True), 0)


@pytest.mark.parametrize("start", [0, 1, 3, 4])
def test_an_epoch_continues_in_the_middle(data, start):
    loader = Loader(data, 16, seed=1, shuffle=True, augment=AUGMENT)
    whole = list(loader.epoch(5))
    torch.rand(3)  # the global state is of no consequence
    rest = list(Loader(data, 16, seed=1, shuffle=True, augment=AUGMENT).epoch(5, start=start))
    assert len(rest) == len(whole) - start
    assert all(equal(a, b) for a, b in zip(whole[start:], rest, strict=True))


def test_skipped_samples_are_not_loaded():
    loaded = []

    class Data(TensorDataset):
        def __getitem__(self, index):
            loaded.append(index)
            return super().__getitem__(index)

    made = split()
    list(Loader(Data(made.images, made.labels), 16).epoch(0, start=3))
    assert loaded == [48, 49]


def test_the_global_random_state_is_left_alone(data):
    state = torch.get_rng_state()
    list(Loader(data, 16, shuffle=True, augment=AUGMENT).epoch(0))
    assert torch.equal(torch.get_rng_state(), state)


def test_augmentation_differs_by_seed_epoch_step_and_rank():
    made = Split(torch.full((8, 1, 8, 8), 255, dtype=torch.uint8), torch.zeros(8, dtype=torch.long))
    crop = augmentation({"crop": 4})

    def first(**options):
        return next(Loader(made, 4, augment=crop, **options).epoch(0)).inputs

    base = first(seed=1)
    assert torch.equal(base, first(seed=1))
    assert not torch.equal(base, first(seed=2))
    assert not torch.equal(base, first(seed=1, rank=1, world=2))
    loader = Loader(made, 4, seed=1, augment=crop)
    assert not torch.equal(base, next(loader.epoch(1)).inputs)
    assert not torch.equal(base, next(loader.epoch(0, start=1)).inputs)


@pytest.mark.parametrize("shuffle", [True, False])
def test_two_ranks_together_see_what_one_process_sees(data, shuffle):
    ranks = [Loader(data, 8, seed=1, shuffle=shuffle, rank=r, world=2) for r in (0, 1)]
    whole = Loader(data, 16, seed=1, shuffle=shuffle)
    assert len(ranks[0]) == len(ranks[1]) == len(whole) == 4
    for one, a, b in zip(*(x.epoch(3) for x in (whole, *ranks)), strict=True):
        assert len(a.targets) == len(b.targets)
        assert torch.equal(one.inputs, torch.cat([a.inputs, b.inputs]))
        assert torch.equal(one.index, torch.cat([a.index, b.index]))


@pytest.mark.parametrize(
    "count, shuffle, drop_last, lengths",
    [
        # 8 a step, 3 processes
        (24, True, False, [[8], [8], [8]]),
        (29, True, False, [[8, 1], [8, 1], [8, 1]]),  # 5 left, cut to 3
        (26, True, False, [[8], [8], [8]]),  # 2 left: too few for three
        (26, False, False, [[8, 1], [8, 1], [8]]),  # evaluation sees all
        (29, False, False, [[8, 2], [8, 2], [8, 1]]),
        (29, False, True, [[8], [8], [8]]),
    ],
)
def test_the_last_batch(count, shuffle, drop_last, lengths):
    made = split(count)
    seen = []
    for rank, expected in enumerate(lengths):
        loader = Loader(made, 8, shuffle=shuffle, drop_last=drop_last, rank=rank, world=3)
        batches = list(loader.epoch(0))
        assert [len(batch.targets) for batch in batches] == expected
        assert len(loader) == len(batches)
        seen += [i for batch in batches for i in batch.index.tolist()]
    assert len(seen) == len(set(seen))
    if not shuffle and not drop_last:
        assert sorted(seen) == list(range(count))


@pytest.mark.parametrize("count, options", [(0, {}), (5, {"drop_last": True}), (1, {"world": 2})])
def test_no_batch_at_all_gets_a_sentence(count, options):
    with pytest.raises(SpikedistillError, match=f"{count} samples do not fill one batch"):
        Loader(split(count), 8, shuffle=True, **options)


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"batch_size": 4, "rank": 2, "world": 2}])
def test_impossible_numbers_get_a_sentence(options):
    with pytest.raises(SpikedistillError, match="a loader needs"):
        Loader(split(), **options)


def test_data_kept_on_a_device_give_the_same_batches():
    made = split()
    plain = Loader(made, 16, seed=4, shuffle=True, augment=AUGMENT)
    kept = Loader(made, 16, seed=4, shuffle=True, augment=AUGMENT, device="cpu")
    assert all(equal(a, b) for a, b in zip(plain.epoch(2), kept.epoch(2), strict=True))
    assert kept.device == torch.device("cpu")


@pytest.mark.parametrize("policy", [None, "cifar10"])
def test_batches_are_made_where_the_data_lie(policy):
    # a device without numbers: whatever still lay on the CPU would not go together with it
    augment = augmentation(
        {"crop": 2, "flip": True, "cutout": 3, "mixup": 0.5, "autoaugment": policy}, classes=10
    )
    loader = Loader(split(), 16, shuffle=True, augment=augment)
    assert loader.keep_on(torch.device("meta"))
    batches = list(loader.epoch(0))
    assert [tuple(batch.inputs.shape) for batch in batches] == [(16, 3, 8, 8)] * 3 + [(2, 3, 8, 8)]
    for batch in batches:
        assert {x.device.type for x in (batch.inputs, batch.targets, batch.index)} == {"meta"}
        assert batch.inputs.is_contiguous(memory_format=torch.channels_last)


def test_data_that_are_too_many_or_lie_in_files_stay_where_they_are(monkeypatch):
    made = split()
    monkeypatch.setattr(_loader, "available", lambda device: 4 * made.images.nbytes - 4)
    loader = Loader(made, 16)
    assert not loader.keep_on(torch.device("cuda"), share=0.25)
    assert loader.device == torch.device("cpu") and loader.split is made
    assert not Loader(torch_data(made), 16).keep_on(torch.device("meta"))


def test_a_sample_that_is_no_number_is_named():
    images = torch.rand(9, 3, 4, 4)
    images[7, 1, 2, 3] = torch.nan
    data = torch.utils.data.Subset(TensorDataset(images, torch.arange(9)), [8, 7])
    with pytest.raises(SpikedistillError, match="The inputs of sample 7 of TensorDataset hold"):
        next(Loader(data, 2).epoch(0))


@pytest.mark.parametrize(
    ("count", "batch_size", "world", "used"),
    [
        (33, 32, 1, 32),
        (34, 32, 1, 34),
        (64, 32, 1, 64),
        (1, 32, 1, 1),
        (5, 1, 1, 5),
        (34, 16, 2, 32),
    ],
)
def test_a_last_batch_of_one_may_be_left_out(count, batch_size, world, used):
    made, options = split(count), {"seed": 3, "shuffle": True, "world": world}
    plain = Loader(made, batch_size, **options)
    loader = Loader(made, batch_size, drop_single=True, **options)
    assert (loader.used, loader.single) == (used, used < count)
    batches = list(loader.epoch(1))
    assert len(batches) == len(loader)
    assert all(equal(a, b) for a, b in zip(batches, plain.epoch(1), strict=False))
