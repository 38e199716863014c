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
