"""Weights from foreign files: every form that people have, and a sentence for every fault."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.normalized import Normalized
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


def saved(tmp_path: Path, held: object) -> Path:
    torch.save(held, tmp_path / "w.pt")
    return tmp_path / "w.pt"


def other() -> nn.Module:
    net = network()
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.fill_(0.25)
    return net


CHECKPOINTS = {
    "data-parallel": lambda s, _: {"epoch": 90, "state_dict": prefixed(s, "module."), "best": 93.1},
    "kuangliu": lambda s, _: {"net": prefixed(s, "module."), "acc": 95.2, "epoch": 199},
    "averaged": lambda s, _: prefixed(s, "module.") | {"n_averaged": torch.tensor(5)},
    "compiled": lambda s, _: {"model": prefixed(s, "_orig_mod.module."), "epoch": 3},
    "deep": lambda s, _: {"checkpoint": {"best": {"weights": s}}, "epoch": 3},
    "adversarial": lambda s, _: {
        "generator": nn.Linear(3, 3).state_dict(), "discriminator": s},
    "optimizer by name": lambda s, other: {"model": s, "optimizer": {"momentum": other}},
    "with its optimizer": lambda s, _: {
        "model": s,
        "optimizer": torch.optim.Adam(network().parameters()).state_dict(),
        "scaler": {"scale": 65536.0},
    },
}  # fmt: skip


@pytest.mark.parametrize("form", CHECKPOINTS)
def test_checkpoints_as_people_have_them(trained: nn.Module, tmp_path: Path, form: str) -> None:
    held = CHECKPOINTS[form](trained.state_dict(), other().state_dict())
    fresh, said = network(), list[str]()
    load_weights(fresh, saved(tmp_path, held), say=said.append)
    assert agree(fresh, trained) and said == []


def test_a_lightning_checkpoint_names_what_is_left_out(trained: nn.Module, tmp_path: Path) -> None:
    state = prefixed(trained.state_dict(), "model.") | {"criterion.weight": torch.ones(10)}
    held = {"state_dict": state, "pytorch-lightning_version": "2.4.0", "callbacks": {},
            "hyper_parameters": {"lr": 0.1}}  # fmt: skip
    fresh, said = network(), list[str]()
    load_weights(fresh, saved(tmp_path, held), say=said.append)
    assert agree(fresh, trained)
    (sentence,) = said
    assert "the entries below 'state_dict.model' are taken" in sentence
    assert "1 other entry (criterion.weight)" in sentence


@pytest.mark.parametrize(
    ("first", "second"),
    [("model", "model_ema"), ("state_dict", "state_dict_ema"), ("net", "best.net")],
)
def test_several_that_fit_the_customary_is_taken_and_said(
    trained: nn.Module, tmp_path: Path, first: str, second: str
) -> None:
    outer, _, inner = second.rpartition(".")
    beside = {inner: prefixed(other().state_dict(), "module.")}
    held = ({outer: beside} if outer else beside) | {first: trained.state_dict()}
    path, fresh, said = saved(tmp_path, held), network(), list[str]()
    load_weights(fresh, path, say=said.append)
    assert agree(fresh, trained)
    assert said == [
        f"{path} holds 2 different sets of weights that fit Sequential; taken is {first!r}, and "
        f"not '{second}.module'. Choose with weights: {{file: w.pt, key: {second}.module}} in a "
        f"recipe, or load_weights(network, 'w.pt', key='{second}.module')"
    ]
    for key, expected in ((second, other()), (f"{second}.module", other()), (first, trained)):
        said.clear()
        load_weights(fresh, path, key=key, say=said.append)
        assert agree(fresh, expected) and said == []


def test_from_python_it_is_logged(
    trained: nn.Module, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    held = {"model": trained.state_dict(), "ema": other().state_dict()}
    load_weights(network(), saved(tmp_path, held))
    assert "taken is 'model', and not 'ema'" in caplog.text


def test_several_that_fit_and_none_is_customary(trained: nn.Module, tmp_path: Path) -> None:
    pairs = {"student": trained.state_dict(), "teacher": other().state_dict()}
    prefixes = prefixed(pairs["student"], "student.") | prefixed(pairs["teacher"], "teacher.")
    for held, place in ((pairs, ""), ({"state_dict": prefixes}, "state_dict.")):
        path, fresh = saved(tmp_path, held), network()
        with pytest.raises(SpikedistillError) as caught:
            load_weights(fresh, path)
        assert f"at '{place}student', '{place}teacher', and none of them" in str(caught.value)
        assert f"key: {place}student}}" in str(caught.value)
        load_weights(fresh, path, key=f"{place}teacher")
        assert agree(fresh, other())


def test_a_key_that_leads_nowhere_or_to_another_network(trained: nn.Module, tmp_path: Path) -> None:
    held = {"model": trained.state_dict(), "head": nn.Linear(2, 2).state_dict()}
    path = saved(tmp_path, held)
    with pytest.raises(SpikedistillError, match="no weights at the key 'modle'; it has them at 'm"):
        load_weights(network(), path, key="modle")
    with pytest.raises(SpikedistillError, match=r"\(at 'head', which comes closest\) does not fit"):
        load_weights(network(), path, key="head")
    with pytest.raises(SpikedistillError, match="no weights at the key 'ema'"):
        read_weights(path, key="ema")
    assert read_weights(path, key="head").keys() == {"weight", "bias"}
    assert read_weights(path).keys() == trained.state_dict().keys()
    pair = {"a": trained.state_dict(), "b": trained.state_dict()}
    with pytest.raises(SpikedistillError, match="2 sets of weights, at 'a', 'b'"):
        read_weights(saved(tmp_path, pair))


def test_a_network_with_its_normalisation(trained: nn.Module, tmp_path: Path) -> None:
    """Takes the file of the network inside, and its own, with mean and deviation."""
    wrapped = Normalized(network(), (0.5,) * 3, (0.25,) * 3)
    load_weights(wrapped, saved(tmp_path, {"state_dict": trained.state_dict()}))
    assert agree(wrapped.network, trained) and wrapped.mean[0] == 0.5
    own = Normalized(other(), (0.1,) * 3, (0.2,) * 3)
    load_weights(wrapped, saved(tmp_path, own.state_dict()))
    assert agree(wrapped.network, other()) and wrapped.mean[0] == own.mean[0]
    pair = {"state_dict": prefixed(own.state_dict(), "a.") | prefixed(trained.state_dict(), "b.")}
    load_weights(wrapped, saved(tmp_path, pair), key="state_dict.b")
    assert agree(wrapped.network, trained)
    with pytest.raises(SpikedistillError, match="does not fit Sequential"):
        load_weights(wrapped, saved(tmp_path, {"conv.weight": torch.ones(1)}))


def test_the_closest_is_named_where_nothing_fits(tmp_path: Path) -> None:
    shrunk = network().state_dict() | {"conv.weight": torch.zeros(1)}
    held = {"model": {"x": torch.ones(1)}, "ema": prefixed(shrunk, "module."), "epoch": 1}
    with pytest.raises(SpikedistillError) as caught:
        load_weights(network(), saved(tmp_path, held))
    assert "(at 'ema.module', which comes closest) does not fit Sequential" in str(caught.value)
    assert "1 have another shape (conv.weight is 1 and should be 4x3x3x3)" in str(caught.value)
