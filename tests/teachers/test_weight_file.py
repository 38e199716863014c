"""What kind a weight file is, and what is said of a file without weights."""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.teachers.weight_file import open_states, some


def test_each_form_gives_its_states(tmp_path: Path) -> None:
    state = nn.Linear(2, 2).state_dict()
    save_file(state, tmp_path / "w.safetensors")
    save_file({}, tmp_path / "empty.safetensors")
    torch.save({"ema": state, "model": state}, tmp_path / "w.pt")
    assert [one.label for one in open_states(tmp_path / "w.safetensors")] == [""]
    assert [one.tensors for one in open_states(tmp_path / "empty.safetensors")] == [{}]
    assert [one.label for one in open_states(tmp_path / "w.pt")] == ["model", "ema"]


def test_a_script_program_says_how_to_save_its_weights(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "w.pt")
    with pytest.raises(SpikedistillError, match=r"TorchScript program.*torch\.jit\.load\('w\.pt'"):
        open_states(tmp_path / "w.pt")


def test_another_zip_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.zip", "w") as archive:
        archive.writestr("a.txt", "text")
    with pytest.raises(SpikedistillError, match=r"zip archive of a\.txt"):
        open_states(tmp_path / "w.zip")


def test_objects_and_no_weights(tmp_path: Path) -> None:
    torch.save({"args": argparse.Namespace(a=1), "epoch": 3}, tmp_path / "w.pt")
    with pytest.raises(SpikedistillError, match=r"asks for argparse\.Namespace"):
        open_states(tmp_path / "w.pt")
    torch.save({"args": argparse.Namespace(a=1), "model": nn.ReLU()}, tmp_path / "w.pt")
    with pytest.raises(SpikedistillError, match=r"asks for torch\S+ReLU.*\['model'\]\.state_dict"):
        open_states(tmp_path / "w.pt")


def test_the_first_of_some_names() -> None:
    assert some(["a", "b"]) == "a, b" and some(["a", "b", "c"], most=2) == "a, b, ..."


def test_a_header_whose_length_looks_like_a_pickle(tmp_path: Path) -> None:
    """The first bytes of a safetensors file are the length of its header: 640 is 80 02."""
    lengths = set()
    for number in range(500, 600, 8):
        save_file({"w" * number: torch.zeros(1)}, tmp_path / "w.safetensors")
        lengths.add((tmp_path / "w.safetensors").read_bytes()[:2])
        assert len(open_states(tmp_path / "w.safetensors")) == 1
    assert b"\x80\x02" in lengths
