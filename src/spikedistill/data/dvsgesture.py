"""DVS128 Gesture: 1,176 + 288 gestures of 11 kinds, 128x128 (Amir et al., 2017); event frames."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from spikedistill.core.errors import SpikedistillError
from spikedistill.data import _aedat31
from spikedistill.data._dataset import Source
from spikedistill.data._events import Events
from spikedistill.data._frame_cache import FrameCache
from spikedistill.data._published import Published
from spikedistill.data._recordings import (
    COUNTS,
    Form,
    Recording,
    Recordings,
    found_folder,
    listing_hash,
)

SENSOR = (128, 128)
FOLDERS = ("DvsGesture", "DVS128Gesture")
ORIGIN = "IBM Research (research.ibm.com/dvsgesture; DvsGesture.tar.gz)"
TRIALS = ("trials_to_train.txt", "trials_to_test.txt")
COLUMNS = ("class", "startTime_usec", "endTime_usec")
CLASSES = (
    "hand clapping",
    "right hand wave",
    "left hand wave",
    "right arm clockwise",
    "right arm counter clockwise",
    "left arm clockwise",
    "left arm counter clockwise",
    "arm roll",
    "air drums",
    "air guitar",
    "other gestures",
)


def published(options: Mapping[str, Any]) -> Published | None:
    """What is known without the files."""
    return Published(11, (2, 128, 128), 1_176, 288, timesteps=16)


def load(
    root: Path,
    timesteps: int = 16,
    split_by: Literal["number", "time"] = "number",
    size: int | None = None,
    unsorted: Literal["refuse", "sort"] = "refuse",
) -> Source:
    """DVS128 Gesture from `DvsGesture` under `root`, as frames `[T, 2, 128, 128]`.

    The folder holds `trials_to_train.txt` and `trials_to_test.txt`, which name the `.aedat` files
    of the official split. Every line of the `_labels.csv` beside a file is one sample: the events
    with `startTime_usec <= t < endTime_usec`.

    Args:
        root: the folder of the data sets.
        timesteps: T, the number of frames of a recording.
        split_by: frames of equal `number` of events, or of equal `time`; the last gets the rest.
        size: side of the frames in pixels; None: 128.
        unsorted: `refuse` recordings whose timestamps go back, or `sort` their events.

    Raises:
        SpikedistillError: if the set is not there, a file that it names is missing, or labels are
            impossible; when a recording is asked for, if it is damaged.
    """
    form = Form(timesteps, split_by, SENSOR, size, unsorted)
    folder = found_folder(root, FOLDERS, TRIALS[0], "DVS128 Gesture", ORIGIN)
    found = [_recordings(folder, name) for name in TRIALS]
    _disjoint(folder, *({one.path for one in part} for part in found))
    cache = FrameCache(folder, "dvsgesture", form.text)
    read = partial(_read, unsorted=unsorted)
    train, test = (Recordings(part, read, form, cache) for part in found)
    return Source(
        "dvsgesture",
        train,
        test,
        classes=CLASSES,
        hashes={name: listing_hash(folder, part) for name, part in zip(TRIALS, found, strict=True)},
        **COUNTS,
    )


def labels_path(path: Path) -> Path:
    """The label file of a recording."""
    return path.with_name(f"{path.stem}_labels.csv")


def _recordings(folder: Path, trials: str) -> list[Recording]:
    if not (folder / trials).is_file():
        raise _missing(folder / trials)
    names = [Path(name).name for name in _text(folder / trials).split()]
    if not names:
        raise SpikedistillError(
            f"{folder / trials} names 0 recordings and should name those of one split; fetch it "
            f"again from {ORIGIN}"
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise SpikedistillError(
            f"{folder / trials} names {twice} {names.count(twice)} times, and a recording counts "
            f"once; fetch the list again from {ORIGIN}"
        )
    found: list[Recording] = []
    for path in (folder / name for name in names):
        labels = labels_path(path)
        for file in (path, labels):
            if not file.is_file():
                raise _missing(file)
        rows = read_labels(labels)
        found += [Recording(path, row[0] - 1, part, (labels,)) for part, row in enumerate(rows)]
    return found


def _disjoint(folder: Path, train: set[Path], test: set[Path]) -> None:
    if train & test:
        raise SpikedistillError(
            f"{min(train & test).name} stands in both {TRIALS[0]} and {TRIALS[1]} of {folder}: "
            "what is tested must not be trained on; fetch the lists again from " + ORIGIN
        )


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise SpikedistillError(
            f"{path} should be plain text, and its byte {fault.start:,} is none; fetch it again "
            f"from {ORIGIN}"
        ) from fault


def _missing(path: Path) -> SpikedistillError:
    return SpikedistillError(
        f"DVS128 Gesture is incomplete: {path.name} was looked for in {path.parent} and is not "
        f"there. It comes from {ORIGIN}."
    )


def read_labels(path: Path) -> list[tuple[int, int, int]]:
    """The lines of a label file: class from 1 to 11, start and end in microseconds.

    Raises:
        SpikedistillError: if the columns are others, there is no line, or one is impossible.
    """
    lines = [line.strip() for line in _text(path).splitlines() if line.strip()]
    wanted = ",".join(COLUMNS)
    if not lines or tuple(word.strip() for word in lines[0].split(",")) != COLUMNS:
        first = lines[0] if lines else ""
        raise SpikedistillError(
            f"{path} begins with {first!r} and should with {wanted!r}; fetch it again from {ORIGIN}"
        )
    if len(lines) == 1:
        raise SpikedistillError(
            f"{path} holds 0 labels and should hold one line {wanted} for each gesture; fetch it "
            f"again from {ORIGIN}"
        )
    return [_label(path, number, line) for number, line in enumerate(lines[1:], 2)]


def _label(path: Path, number: int, line: str) -> tuple[int, int, int]:
    try:
        label, start, end = (int(word) for word in line.split(","))
    except ValueError as fault:
        raise SpikedistillError(
            f"{path}, line {number}: {line!r} should be three whole numbers, {', '.join(COLUMNS)}; "
            f"fetch the file again from {ORIGIN}"
        ) from fault
    if not 1 <= label <= len(CLASSES):
        raise SpikedistillError(
            f"{path}, line {number}: the class is {label}, and DVS128 Gesture has the classes 1 to "
            f"{len(CLASSES)}; fetch the file again from {ORIGIN}"
        )
    if not start < end:
        raise SpikedistillError(
            f"{path}, line {number}: the gesture ends at {end:,} us and starts at {start:,} us; "
            f"fetch the file again from {ORIGIN}"
        )
    return label, start, end


def _read(path: Path, unsorted: Literal["refuse", "sort"]) -> list[Events]:
    """The events of each gesture of a recording."""
    events = _aedat31.read(path, SENSOR, unsorted)
    labels, found = labels_path(path), []
    for number, (_, start, end) in enumerate(read_labels(labels), 2):
        part = events.between(start, end)
        if not len(part):
            raise SpikedistillError(
                f"{labels}, line {number}: there are 0 events from {start:,} to {end:,} us in "
                f"{path.name}, which runs from {int(events.t[0]):,} to {int(events.t[-1]):,} us, "
                "and at least 1 is needed; the two files do not belong together, fetch them again"
            )
        found.append(part)
    return found
