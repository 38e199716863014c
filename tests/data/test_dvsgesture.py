from __future__ import annotations

import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import data_set
from spikedistill.data._aedat31 import read
from spikedistill.data._frames import integrate
from spikedistill.data.dvsgesture import read_labels
from spikedistill.functional.compiled import compiling
from spikedistill.recipes import files
from spikedistill.runs.start import start

HEAD = "class,startTime_usec,endTime_usec\n"


def test_gestures_are_cut_out_by_their_labels(small_gesture):
    data = data_set("dvsgesture", small_gesture, timesteps=4, valid=0)
    assert (len(data.train), len(data.test), len(data.classes)) == (22, 11, 11)
    assert data.example().inputs.shape[1:] == (4, 2, 128, 128)
    frames, label = data.test[6]
    events = read(small_gesture / "DvsGesture/user03_led.aedat", (128, 128))
    inside = events.between(700_000, 780_000)
    assert label == 6 and 0 < len(inside) < len(events)
    expected = integrate(inside, 4, "number", (128, 128))
    assert torch.equal(frames, torch.from_numpy(expected).float())


def test_labels_are_read_with_any_line_ending(tmp_path):
    (tmp_path / "a.csv").write_bytes((HEAD + "3,5,9\n11, 10, 12\n").replace("\n", "\r\n").encode())
    assert read_labels(tmp_path / "a.csv") == [(3, 5, 9), (11, 10, 12)]


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("", "a.csv begins with '' and should with 'class,startTime_usec,endTime_usec'"),
        ("1,2,3\n", "begins with '1,2,3'"),
        (HEAD, "holds 0 labels and should hold one line"),
        (HEAD + "0,1,2\n", "line 2: the class is 0, and DVS128 Gesture has the classes 1 to 11"),
        (HEAD + "1,1,2\n12,3,4\n", "line 3: the class is 12"),
        (HEAD + "1,2\n", "line 2: '1,2' should be three whole numbers"),
        (HEAD + "1,a,3\n", "'1,a,3' should be three whole numbers"),
        (HEAD + "1,9,9\n", "ends at 9 us and starts at 9 us"),
    ],
)
def test_impossible_labels_get_sentences(tmp_path, text, sentence):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(SpikedistillError, match=sentence):
        read_labels(tmp_path / "a.csv")


def test_a_gesture_without_events_gets_a_sentence(small_gesture):
    labels = small_gesture / "DvsGesture/user03_led_labels.csv"
    labels.write_text(HEAD + "1,100000,200000\n2,5000000,6000000\n")
    data = data_set("dvsgesture", small_gesture)
    sentence = "user03_led_labels.csv, line 3: there are 0 events from 5,000,000 to 6,000,000 us"
    with pytest.raises(SpikedistillError, match=sentence):
        data.test[1]


@pytest.mark.parametrize(
    "name",
    ["trials_to_train.txt", "trials_to_test.txt", "user01_led.aedat", "user02_led_labels.csv"],
)
def test_missing_files_get_sentences(small_gesture, name):
    (small_gesture / "DvsGesture" / name).unlink()
    with pytest.raises(SpikedistillError, match=rf"DVS128 Gesture .*{name}.*IBM Research"):
        data_set("dvsgesture", small_gesture)


def test_an_empty_list_of_trials_gets_a_sentence(small_gesture):
    (small_gesture / "DvsGesture/trials_to_test.txt").write_text("\n")
    with pytest.raises(SpikedistillError, match=r"trials_to_test.txt names 0 recordings"):
        data_set("dvsgesture", small_gesture)


def test_a_recording_counts_once(small_gesture):
    train, test = (small_gesture / "DvsGesture" / f"trials_to_{n}.txt" for n in ("train", "test"))
    first = train.read_text().split()[0]
    names, test_names = train.read_text(), test.read_text()
    train.write_text(names + f"{first}\n")
    with pytest.raises(SpikedistillError, match=rf"trials_to_train\.txt names {first} 2 times"):
        data_set("dvsgesture", small_gesture)
    train.write_text(names)
    test.write_text(test_names + f"{first}\n")
    with pytest.raises(
        SpikedistillError, match=rf"{first} stands in both trials_to_train\.txt and"
    ):
        data_set("dvsgesture", small_gesture)


def test_text_that_is_none_gets_a_sentence(small_gesture, tmp_path):
    (tmp_path / "a.csv").write_bytes(HEAD.encode() + b"1,2,\xff\n")
    with pytest.raises(SpikedistillError, match=r"a\.csv should be plain text, and its byte 38"):
        read_labels(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + HEAD.encode() + b"1,2,3\n")
    assert read_labels(tmp_path / "a.csv") == [(1, 2, 3)]
    (small_gesture / "DvsGesture/trials_to_test.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(SpikedistillError, match=r"trials_to_test\.txt should be plain text"):
        data_set("dvsgesture", small_gesture)


def test_the_recipe_runs_small(small_gesture, tmp_path):
    overrides = [
        *("training.epochs=1", "training.batch_size=8", "training.workers=0"),
        *("training.precision=fp32", "data.size=16", "networks.teacher.width=0.125"),
        *("networks.student.width=0.03125", "training.checkpoint=stage", "data.train_limit=16"),
        "phases.student.compare={}",
    ]
    recipe = files.load("dvsgesture-sastc", overrides)
    with compiling(False):
        result = start(recipe, tmp_path / "run", small_gesture)
    assert [len(row["scores"]["accuracy"]) for row in result["rows"]] == [1, 16]
