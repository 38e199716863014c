"""A torch file is read without running anything in it: its tensors, and nothing else."""

from __future__ import annotations

import argparse
import datetime
import os
import pickle
import subprocess
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.teachers import load_weights, torch_file
from spikedistill.teachers.torch_file import Nothing, read_torch

RAN: list[str] = []
"""What was run while a file was read."""


class Settings:
    """Options of somebody's script, which notice that they are rebuilt."""

    def __init__(self, lr: float = 0.1) -> None:
        self.lr = lr

    def __setstate__(self, state: Any) -> None:
        RAN.append("__setstate__")


class Config(dict[str, Any]):
    """A mapping with attributes, as many scripts have one."""

    def __setitem__(self, key: str, value: Any) -> None:
        RAN.append("__setitem__")
        super().__setitem__(key, value)


class Steps(list[int]):
    """A list of somebody's."""


def act(text: str) -> str:
    RAN.append(text)
    return text


class Asks:
    """What an attacker puts in a pickle: a call."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


BESIDE = {
    "namespace": argparse.Namespace(lr=0.1, net="resnet"),
    "numpy scalar": np.float64(93.1),
    "numpy array": np.arange(3),
    "date": datetime.datetime(2024, 1, 2),
    "path": Path("runs/1"),
    "settings": Settings(),
    "config": Config(lr=0.1, inner=Config(a=1)),
    "defaultdict": defaultdict(list, a=[1]),
    "counter": Counter("abc"),
    "deque": deque([1, 2]),
    "list": Steps([1, 2, 3]),
    "partial": partial(act, "partial"),
    "function": act,
    "class": nn.Linear,
    "network": nn.Linear(2, 2),
    "call": Asks(act, "called"),
}


@pytest.fixture(autouse=True)
def nothing_ran() -> Any:
    RAN.clear()
    yield
    assert RAN == []


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("what", BESIDE)
def test_weights_beside_anything(tmp_path: Path, what: str, zipped: bool) -> None:
    trained, fresh = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
    held = {"args": BESIDE[what], "model": trained.state_dict(), "again": BESIDE[what]}
    torch.save(held, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    RAN.clear()  # saving may call things
    if what in ("class", "network") and not zipped:  # which bring their source text along
        with pytest.raises(SpikedistillError, match=r"weights_only=False\)\['state_dict'\]"):
            load_weights(fresh, tmp_path / "w.pt")
        return
    load_weights(fresh, tmp_path / "w.pt")
    assert torch.equal(fresh.weight, trained.weight)


def test_all_at_once_and_nothing_is_kept(tmp_path: Path) -> None:
    torch.save(BESIDE | {"w": torch.ones(2)}, tmp_path / "w.pt")
    RAN.clear()
    before = set(torch.serialization.get_safe_globals())
    held = read_torch(tmp_path / "w.pt")
    assert isinstance(held["settings"], Nothing) and isinstance(held["namespace"], Nothing)
    assert not hasattr(held["namespace"], "lr") and torch.equal(held["w"], torch.ones(2))
    assert held["config"] == OrderedDict(lr=0.1, inner=OrderedDict(a=1))
    assert held["list"] == [1, 2, 3]
    assert before == set(torch.serialization.get_safe_globals())


class Mapped(dict[str, torch.Tensor]):
    """A state dict of somebody's own class."""


def test_weights_inside_of_a_foreign_mapping(tmp_path: Path) -> None:
    trained, fresh = nn.Linear(3, 4), nn.Linear(3, 4)
    torch.save({"model": Mapped(trained.state_dict())}, tmp_path / "w.pt")
    load_weights(fresh, tmp_path / "w.pt")
    assert torch.equal(fresh.weight, trained.weight)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (Asks(os.system, "touch harm"), r"asks for posix\.system"),
        (Asks(eval, "open('harm', 'w')"), r"asks for eval"),
        (Asks(exec, "open('harm', 'w')"), r"asks for exec"),
        (Asks(getattr, Path, "touch"), r"asks for getattr"),
        (Asks(subprocess.check_call, ["touch", "harm"]), r"asks for commands\.check_call"),
    ],
    ids=["system", "eval", "exec", "getattr", "subprocess"],
)
def test_what_calls_by_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Asks, sentence: str, zipped: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    held = {"model": nn.Linear(2, 2).state_dict(), "x": call}
    torch.save(held, "w.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(SpikedistillError, match=rf"w\.pt holds more than tensors.*{sentence}"):
        read_torch(Path("w.pt"))
    assert not Path("harm").exists()


def test_a_harmful_pickle_in_other_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opcodes that torch does not write, and names that only look harmless."""
    monkeypatch.chdir(tmp_path)
    texts = {
        "newer protocol": pickle.dumps({"a": Asks(os.system, "touch harm")}, protocol=4),
        "inst": b"\x80\x02(S'touch harm'\nios\nsystem\n.",
        "dotted": b"\x80\x02cbuiltins.x\neval\n(X\x01\x00\x00\x00atR.",
        "pickled again": b"\x80\x02ctorch.storage\n_load_from_bytes\n(X\x01\x00\x00\x00atR.",
        "state of a class": b"\x80\x02cargparse\nNamespace\n}X\x01\x00\x00\x00aK\x01sb.",
    }
    for text in texts.values():
        Path("w.pt").write_bytes(text)
        with pytest.raises(SpikedistillError, match=r"w\.pt.*(more than tensors|damaged|no state)"):
            load_weights(nn.Linear(1, 1), "w.pt")
    assert not Path("harm").exists()


def test_a_whole_network_says_how_to_save_it_again(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    network = nn.Sequential(nn.Linear(2, 2))
    for held, name in ((network, r"\)"), ({"epoch": 3, "model": network}, r"\)\['model'\]")):
        torch.save(held, path)
        sentence = rf"asks for torch\.nn\S+Sequential.*weights_only=False{name}\.state_dict\(\)"
        with pytest.raises(SpikedistillError, match=sentence):
            load_weights(network, path)


def test_a_file_that_never_ends_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_file, "_MOST_ROUNDS", 2)
    torch.save(BESIDE, tmp_path / "w.pt", _use_new_zipfile_serialization=False)
    RAN.clear()
    with pytest.raises(SpikedistillError, match="asks for too many classes"):
        read_torch(tmp_path / "w.pt")
