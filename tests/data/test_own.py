from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import DataSet, Loader, Split, data_set
from spikedistill.data._images import as_image

MODULE = """
import torch
from torch.utils.data import Dataset, IterableDataset, TensorDataset

class Shapes(Dataset):
    def __init__(self, count, size=4):
        self.images = torch.linspace(0, 1, count * size * size).reshape(count, 1, size, size)
        self.targets = [i % 3 for i in range(count)]
    def __len__(self): return len(self.targets)
    def __getitem__(self, i): return self.images[i], self.targets[i]

class Stream(IterableDataset):
    def __iter__(self): return iter([])

def one(count): return Shapes(count)
def frames(): return TensorDataset(torch.rand(60, 3, 2, 4, 4) * 2, torch.arange(60) % 3)
def pair(): return Shapes(30), Shapes(9)
def three(): return Shapes(30), Shapes(6), Shapes(9)
def mapping(): return {"train": Shapes(30), "test": Shapes(9), "classes": "abc",
                       "mean": [0.5], "std": [0.25]}
def unlabelled(): return TensorDataset(torch.rand(20, 1, 4, 4), torch.arange(20) % 5)
def wrong(): return {"training": Shapes(3)}
def number(): return 7
def stream(): return Stream()
class Listed(Dataset):
    def __init__(self, samples): self.samples = samples
    def __len__(self): return len(self.samples)
    def __getitem__(self, i): return self.samples[i]
def nothing(): return Shapes(0)
def dicts(): return Listed([{"image": torch.zeros(1, 4, 4), "label": 0}] * 9)
def alone(): return TensorDataset(torch.rand(9, 1, 4, 4))
def flat(): return TensorDataset(torch.zeros(9, 4, 4, dtype=torch.uint8), torch.arange(9))
def signals(): return TensorDataset(torch.rand(90, 2, 5), torch.arange(90) % 3)
def vectors(): return TensorDataset(torch.rand(90, 7), torch.arange(90) % 3)
def named(): return Listed([({"a": torch.zeros(3)}, 0)] * 90)
def told(): return {"train": named(), "task": "vector_classification", "classes": 1}
def holes(): return TensorDataset(torch.full((9, 1, 4, 4), torch.nan), torch.arange(9))
def floats(): return TensorDataset(torch.rand(9, 1, 4, 4), torch.full((9,), 0.5))
def shares(): return TensorDataset(torch.rand(30, 1, 4, 4), torch.eye(5).repeat(6, 1))
def bright(): return TensorDataset(255 * torch.rand(30, 1, 4, 4), torch.arange(30) % 3)
value = 3
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the user's module, where the user starts the program."""
    (tmp_path / "their_data.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "their_data", raising=False)


def own(name, **options):
    return data_set({"call": f"their_data:{name}", **options})


@pytest.mark.usefixtures("here")
def test_samples_may_be_frames():
    data = own("frames")
    assert data.frames == 3 and data.example().inputs.shape[1:] == (3, 2, 4, 4)
    # uniform from 0 to 2: mean 1, deviation 2 / sqrt(12), for each of the two channels
    assert data.mean == pytest.approx((1, 1), abs=0.05)
    assert data.std == pytest.approx((0.577, 0.577), abs=0.05)


@pytest.mark.usefixtures("here")
def test_what_people_should_know_of_their_data_is_said():
    cut, whole = own("one", count=50), own("pair")
    assert "has no test split: a tenth of its 50 samples is held out" in cut.notes[0]
    assert whole.notes == () and own("three").notes == ()
    assert any("values up to 2" in note for note in own("bright").notes)
    assert own("shares").classes == tuple("01234")
    assert cut.hashes == own("one", count=50).hashes != own("one", count=51).hashes
    assert set(whole.hashes) == {"train", "test"}


@pytest.mark.usefixtures("here")
def test_one_data_set_is_cut_in_three():
    data = own("one", count=60)
    assert (len(data.train), len(data.valid), len(data.test)) == (48, 6, 6)
    assert sorted(data.valid[i][1] for i in range(6)) == [0, 0, 1, 1, 2, 2]
    assert data.classes == ("0", "1", "2") and data.example().inputs.shape[1:] == (1, 4, 4)
    assert data.mean[0] == pytest.approx(0.5, abs=0.01)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name, sizes", [("pair", (27, 3, 9)), ("three", (30, 6, 9))])
def test_tuples_name_the_splits(name, sizes):
    data = own(name)
    assert (len(data.train), len(data.valid), len(data.test)) == sizes


@pytest.mark.usefixtures("here")
def test_a_mapping_may_say_more():
    data = own("mapping")
    assert data.classes == ("a", "b", "c") and data.mean == (0.5,) and data.std == (0.25,)
    assert len(data.valid) == 3


@pytest.mark.usefixtures("here")
def test_classes_are_counted_where_nothing_says_them():
    assert len(own("unlabelled").classes) == 5


@pytest.mark.usefixtures("here")
def test_the_task_is_seen_from_the_first_sample_or_told():
    tasks = {name: own(name).task for name in ("pair", "frames", "signals", "vectors", "told")}
    images, vectors = "image_classification", "vector_classification"
    assert tasks == {
        "pair": images, "frames": images, "signals": vectors, "vectors": vectors, "told": vectors
    }  # fmt: skip
    data = own("signals")
    assert data.frames is None and data.mean is None and data.std is None
    assert data.classes == ("0", "1", "2") and len(data.train) == 72
    assert own("told").classes == ("0",)


def test_a_finished_data_set_passes_through(monkeypatch):
    split = Split(torch.zeros(10, 1, 2, 2, dtype=torch.uint8), torch.arange(10) % 2)
    made = DataSet("mine", split, split, split, ("a", "b"), (0.0,), (1.0,))
    module = type(sys)("finished_data")
    module.make = lambda: made
    monkeypatch.setitem(sys.modules, "finished_data", module)
    assert data_set({"call": "finished_data:make"}) is made
    assert len(data_set({"call": "finished_data:make"}, train_limit=4).train) == 4


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "call, sentence",
    [
        ("their_data", "not of the form package.module:factory"),
        ("their_dat:one", "did you mean 'their_data'"),
        ("their_data:two", "has no 'two'"),
        ("their_data:value", "names a int"),
        ("their_data:one", "needs count"),
        ("their_data:wrong", "returned a mapping with"),
        ("their_data:number", "returned int as train"),
        ("their_data:stream", "Stream has no length"),
        ("their_data:nothing", "has 0 samples as train"),
        ("their_data:dicts", "is a mapping with image, label; expected is a pair"),
        ("their_data:named", "has inputs of several names.*return a mapping with `task` too"),
        ("their_data:alone", "is a tuple of 1; expected is a pair"),
        ("their_data:flat", r"has an image of shape \(4, 4\); expected is \[C, H, W\]"),
        ("their_data:holes", "an image with values that are not finite"),
        ("their_data:floats", "has the label 0.5; expected is the number of a class"),
        (
            "no_such_module:x",
            "put no_such_module.py beside the recipe, start the command in the folder",
        ),
    ],
)
def test_bad_factories_get_sentences(call, sentence):
    with pytest.raises(SpikedistillError, match=sentence):
        data_set({"call": call})


def test_valid_cannot_be_asked_for_where_there_is_one(here):
    with pytest.raises(SpikedistillError, match="has a validation split of its own"):
        data_set({"call": "their_data:three"}, valid=3)


class Kinds:
    """The same image as a tensor, an array and a PIL image."""

    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)

    def __len__(self):
        return 4

    def __getitem__(self, index):
        tensor = torch.from_numpy(self.pixels).movedim(-1, 0)
        kinds = [tensor, self.pixels, Image.fromarray(self.pixels), tensor / 255]
        return kinds[index], np.int64(index)


def test_images_of_any_kind_become_the_same():
    class Data(Kinds, torch.utils.data.Dataset):
        pass

    (batch,) = Loader(Data(), 4).epoch(0)
    assert batch.inputs.shape == (4, 3, 2, 3) and batch.inputs.dtype == torch.float32
    for image in batch.inputs[1:]:
        assert torch.equal(image, batch.inputs[0])
    assert batch.targets.tolist() == [0, 1, 2, 3]


def test_different_sizes_get_a_sentence():
    class Data(torch.utils.data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return torch.zeros(1, 4 + index, 4), 0

    with pytest.raises(SpikedistillError, match=r"\(1, 4, 4\) and \(1, 5, 4\)"):
        list(Loader(Data(), 2).epoch(0))


@pytest.mark.parametrize("image", ["text", torch.zeros(1, 2, 2, dtype=torch.int64)])
def test_what_is_no_image_gets_a_sentence(image):
    class Data(torch.utils.data.Dataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return image, 0

    with pytest.raises(SpikedistillError, match="a data set gave"):
        list(Loader(Data(), 1).epoch(0))


def test_per_sample_target_vectors_stay_as_they_are():
    data = TensorDataset(torch.rand(4, 1, 2, 2), torch.rand(4, 7))
    (batch,) = Loader(data, 4).epoch(0)
    assert torch.equal(batch.targets, data.tensors[1])


def test_images_of_sixteen_bits_are_divided_by_their_white():
    values = np.array([[0, 65535]], np.uint16)
    for image in (values, torch.from_numpy(values)[None]):
        assert as_image(image).tolist() == [[[0, 1]]]
