"""Small data sets in the official formats, written by the tests themselves."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from spikedistill.data import cifar10, cifar100, fashion_mnist, mnist
from spikedistill.data._files import Form, OfficialFile


def described(folder: Path, form: Form) -> Form:
    """The form with the sizes and sums of the files that lie in `folder`."""

    def measure(file: OfficialFile) -> OfficialFile:
        content = (folder / file.name).read_bytes()
        return OfficialFile(file.name, len(content), hashlib.md5(content).hexdigest())

    return dataclasses.replace(
        form, train=tuple(map(measure, form.train)), test=tuple(map(measure, form.test))
    )


def cifar_arrays(count: int, classes: int, seed: int):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, 3072), np.uint8), np.arange(count) % classes


@pytest.fixture
def small_cifar10(tmp_path, monkeypatch):
    """Both forms of a CIFAR-10 of 6 x 20 images; returns the root."""
    for form in (cifar10.BINARY, cifar10.PYTHON):
        folder = tmp_path / form.folder
        folder.mkdir()
        for seed, file in enumerate(form.files):
            data, labels = cifar_arrays(20, 10, seed)
            if form is cifar10.BINARY:
                rows = np.concatenate([labels[:, None].astype(np.uint8), data], 1)
                (folder / file.name).write_bytes(rows.tobytes())
            else:
                record = {b"batch_label": b"x", b"data": data, b"labels": labels.tolist()}
                (folder / file.name).write_bytes(pickle.dumps(record, protocol=2))
    for name in ("BINARY", "PYTHON"):
        form = getattr(cifar10, name)
        monkeypatch.setattr(cifar10, name, described(tmp_path / form.folder, form))
    return tmp_path


@pytest.fixture
def small_cifar100(tmp_path, monkeypatch):
    """Both forms of a CIFAR-100 of 400 + 200 images; returns the root."""
    binary, python = tmp_path / "cifar-100-binary", tmp_path / "cifar-100-python"
    binary.mkdir()
    python.mkdir()
    names = {kind: [f"{kind} {i}" for i in range(n)] for kind, n in cifar100.COUNTS.items()}
    for name, count in (("train", 400), ("test", 200)):
        data, fine = cifar_arrays(count, 100, count)
        coarse = fine // 5
        rows = np.concatenate([np.stack([coarse, fine], 1).astype(np.uint8), data], 1)
        (binary / f"{name}.bin").write_bytes(rows.tobytes())
        record = {
            b"data": data,
            b"fine_labels": fine.tolist(),
            b"coarse_labels": coarse.tolist(),
            b"filenames": [b"x.png"] * count,
        }
        (python / name).write_bytes(pickle.dumps(record, protocol=2))
    meta = {f"{kind}_label_names".encode(): [n.encode() for n in names[kind]] for kind in names}
    (python / "meta").write_bytes(pickle.dumps(meta, protocol=2))
    for kind, lines in names.items():
        (binary / f"{kind}_label_names.txt").write_text("\n".join(lines) + "\n")
    for name, folder in (("BINARY", binary), ("PYTHON", python)):
        monkeypatch.setattr(cifar100, name, described(folder, getattr(cifar100, name)))
    content = (python / "meta").read_bytes()
    meta_file = OfficialFile("meta", len(content), hashlib.md5(content).hexdigest())
    monkeypatch.setattr(cifar100, "META", meta_file)
    return tmp_path


def idx_bytes(array: np.ndarray) -> bytes:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return head + array.tobytes()


@pytest.fixture(params=["mnist", "fashion-mnist"])
def small_idx(request, tmp_path, monkeypatch):
    """A data set of 60 + 20 images in idx files: (name, module, folder, arrays)."""
    module = {"mnist": mnist, "fashion-mnist": fashion_mnist}[request.param]
    folder = tmp_path / module.FORM.folder
    folder.mkdir(parents=True)
    arrays = {}
    for files, count in ((module.FORM.train, 60), (module.FORM.test, 20)):
        images = np.random.default_rng(count).integers(0, 256, (count, 28, 28), np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for file, array in zip(files, (images, labels), strict=True):
            arrays[file.name] = array
            (folder / file.name).write_bytes(idx_bytes(array))
    monkeypatch.setattr(module, "FORM", described(folder, module.FORM))
    return request.param, module, folder, arrays


def compress(path: Path) -> Path:
    """Replace a file by its gzip form."""
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return packed


@pytest.fixture
def pack():
    return compress


@dataclasses.dataclass(frozen=True)
class EventFiles:
    """Writes events `t, x, y, p` in the public formats."""

    def random(self, count: int, side: int = 34, seed: int = 0, duration: int = 300_000):
        """Arrays of events in the order of time."""
        draw = np.random.default_rng(seed)
        t = np.sort(draw.integers(0, duration, count))
        return t, *(draw.integers(0, high, count) for high in (side, side, 2))

    def bin(self, t, x, y, p) -> bytes:
        """N-MNIST."""
        rows = np.stack([x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255], 1)
        return rows.astype(np.uint8).tobytes()

    def aedat2(self, t, x, y, p, header=b"#!AER-DAT2.0\r\n# Timestamps tick is 1 us\r\n") -> bytes:
        """CIFAR10-DVS."""
        address = (127 - x) << 8 | (127 - y) << 1 | (1 - p)
        return header + np.stack([address, t], 1).astype(">u4").tobytes()

    def aedat31(self, t, x, y, p, packet=100, kind=1, overflow=0, valid=None) -> bytes:
        """DVS128 Gesture."""
        valid = np.ones_like(t) if valid is None else valid
        words = np.stack([x << 17 | y << 2 | p << 1 | valid, t], 1).astype("<u4")
        content = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"
        for start in range(0, len(t), packet):
            part = words[start : start + packet]
            n = len(part)
            content += struct.pack("<hhiiiiii", kind, 1, 8, 4, overflow, n, n, n) + part.tobytes()
        return content


@pytest.fixture
def event_files(monkeypatch, tmp_path):
    """The writer; frames are kept below the test's own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return EventFiles()


@pytest.fixture
def small_nmnist(tmp_path, event_files):
    """An N-MNIST of 10 x 6 + 10 x 2 recordings; returns the root."""
    for name, each in (("Train", 6), ("Test", 2)):
        for digit in range(10):
            folder = tmp_path / "N-MNIST" / name / str(digit)
            folder.mkdir(parents=True)
            for i in range(each):
                events = event_files.random(200 + i, seed=10 * i + digit)
                (folder / f"{digit}{i:04}.bin").write_bytes(event_files.bin(*events))
    return tmp_path


@pytest.fixture
def small_cifar10dvs(tmp_path, event_files):
    """A CIFAR10-DVS of samples 0, 2, 10, 899, 900 and 999 of every class; returns the root."""
    for label, name in enumerate(cifar10.CLASSES):
        folder = tmp_path / "CIFAR10-DVS" / name
        folder.mkdir(parents=True)
        for number in (0, 2, 10, 899, 900, 999):
            events = event_files.random(300, 128, seed=1000 * label + number)
            path = folder / f"cifar10_{name}_{number}.aedat"
            path.write_bytes(event_files.aedat2(*events))
    return tmp_path


@pytest.fixture
def small_gesture(tmp_path, event_files):
    """A DVS128 Gesture of 2 + 1 recordings of 11 gestures each; returns the root."""
    folder = tmp_path / "DvsGesture"
    folder.mkdir()
    names = [f"user0{i}_led" for i in (1, 2, 3)]
    for seed, name in enumerate(names):
        events = event_files.random(5000, 128, seed=seed, duration=1_200_000)
        (folder / f"{name}.aedat").write_bytes(event_files.aedat31(*events))
        rows = [f"{k},{100_000 * k},{100_000 * k + 80_000}" for k in range(1, 12)]
        lines = ["class,startTime_usec,endTime_usec", *rows]
        (folder / f"{name}_labels.csv").write_text("\n".join(lines) + "\n")
    (folder / "trials_to_train.txt").write_text("".join(f"{n}.aedat\n" for n in names[:2]))
    (folder / "trials_to_test.txt").write_text(f"{names[2]}.aedat\n\n")
    return tmp_path
