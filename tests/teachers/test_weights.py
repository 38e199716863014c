"""Weights from foreign files: every form that people have, and a sentence for every fault."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.teachers import load_weights, read_weights


def network() -> nn.Module:
    net = nn.Sequential()
    net.add_module("conv", nn.Conv2d(3, 4, 3))
    net.add_module("bn", nn.BatchNorm2d(4))
    return net


@pytest.fixture
def trained() -> nn.Module:
    net = network()
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.uniform_()
    return net


def agree(a: nn.Module, b: nn.Module) -> bool:
    mine, other = a.state_dict(), b.state_dict()
    return all(torch.equal(mine[key], other[key]) for key in other if "batches" not in key)


def prefixed(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in state.items()}


def test_safetensors(trained: nn.Module, tmp_path: Path) -> None:
    save_file(trained.state_dict(), tmp_path / "model.safetensors")
    for path in (tmp_path / "model.safetensors", str(tmp_path)):
        fresh = network()
        load_weights(fresh, path)
        assert agree(fresh, trained)


def test_npz_without_counters(trained: nn.Module, tmp_path: Path) -> None:
    arrays = {k: v.numpy() for k, v in trained.state_dict().items() if "batches" not in k}
    np.savez(tmp_path / "w.npz", **arrays)
    fresh = network()
    load_weights(fresh, tmp_path / "w.npz")
    assert agree(fresh, trained)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("key", [None, "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module.", "model."])
def test_torch_files(
    trained: nn.Module, tmp_path: Path, zipped: bool, key: str | None, prefix: str
) -> None:
    held: object = prefixed(trained.state_dict(), prefix)
    held = held if key is None else {key: held, "epoch": 3}
    torch.save(held, tmp_path / "w.th", _use_new_zipfile_serialization=zipped)
    fresh = network()
    load_weights(fresh, tmp_path / "w.th")
    assert agree(fresh, trained)


def test_half_precision_is_converted(trained: nn.Module, tmp_path: Path) -> None:
    save_file({k: v.half() for k, v in trained.state_dict().items()}, tmp_path / "h.safetensors")
    fresh = network()
    load_weights(fresh, tmp_path / "h.safetensors")
    assert fresh.conv.weight.dtype == torch.float32
    torch.testing.assert_close(fresh.conv.weight, trained.conv.weight, rtol=1e-3, atol=1e-3)


def test_torch_pickle_called_safetensors(trained: nn.Module, tmp_path: Path) -> None:
    for zipped in (True, False):
        path = tmp_path / "w.safetensors"
        torch.save(trained.state_dict(), path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(SpikedistillError, match=r"safetensors and holds a torch pickle"):
            read_weights(path)


class Harmful:
    """What an attacker would put in a pickle."""

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("harm-was-done"),))


def test_nothing_but_tensors_is_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: nn.Module
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": trained.state_dict(), "extra": Harmful()}, "bad.pt")
    torch.save(trained, "whole.pt")
    Path("raw.pkl").write_bytes(pickle.dumps({"a": Harmful()}, protocol=2))
    np.savez("objects.npz", weight=np.array([Harmful()], dtype=object))
    for name, sentence in {
        "bad.pt": "holds more than tensors",
        "whole.pt": r"asks for torch\.nn.*save network.state_dict\(\) alone",
        "raw.pkl": "more than tensors|damaged",
        "objects.npz": "other than arrays of numbers",
    }.items():
        with pytest.raises(SpikedistillError, match=sentence):
            read_weights(name)
    assert not Path("harm-was-done").exists()


def test_damaged_files(tmp_path: Path, trained: nn.Module) -> None:
    save_file(trained.state_dict(), tmp_path / "a.safetensors")
    torch.save(trained.state_dict(), tmp_path / "b.pt")
    np.savez(tmp_path / "c.npz", weight=np.zeros(1000))
    torch.save(trained.state_dict(), tmp_path / "d.pt", _use_new_zipfile_serialization=False)
    for name in ("a.safetensors", "b.pt", "c.npz", "d.pt"):
        whole = (tmp_path / name).read_bytes()
        for share in (0.02, 0.5, 0.95):
            path = tmp_path / f"cut-{name}"
            path.write_bytes(whole[: int(len(whole) * share)])
            with pytest.raises(SpikedistillError, match=f"cut-{name}.*(damaged|neither|tensors)"):
                read_weights(path)


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "lfs.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    (tmp_path / "page.pt").write_text("<html>not found</html>")
    np.savez(tmp_path / "x.npz", a=np.zeros(2))
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({"lr": 0.1}, tmp_path / "numbers.pt")
    for name, sentence in {
        "lfs.safetensors": "Git LFS pointer",
        "page.pt": "neither a safetensors, npz nor torch file",
        "list.pt": "holds a list and no state dict",
        "numbers.pt": "holds a dict of lr and no state dict",
        "missing.pt": "there is no weight file",
    }.items():
        with pytest.raises(SpikedistillError, match=sentence):
            read_weights(tmp_path / name)


def test_weights_of_another_network(tmp_path: Path, trained: nn.Module) -> None:
    state = trained.state_dict()
    state["head.weight"] = state.pop("bn.bias")
    state["conv.weight"] = torch.zeros(8, 3, 3, 3)
    save_file(state, tmp_path / "w.safetensors")
    fresh = network()
    before = {key: value.clone() for key, value in fresh.state_dict().items()}
    with pytest.raises(SpikedistillError) as caught:
        load_weights(fresh, tmp_path / "w.safetensors")
    for part in (
        r"1 of its 7 entries are missing (bn.bias)",
        "1 entries of the file are not in the network (head.weight)",
        "1 have another shape (conv.weight is 8x3x3x3 and should be 4x3x3x3)",
    ):
        assert part in str(caught.value)
    assert all(torch.equal(before[key], value) for key, value in fresh.state_dict().items())
