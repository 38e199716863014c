"""Checkpoints: whole, without pickle, and of the right networks."""

import pickle

import pytest
import torch

from spikedistill.core.errors import SpikedistillError
from spikedistill.training import checkpoint
from spikedistill.training.checkpoint import State
from spikedistill.training.run_folder import RunFolder


def saved(tmp_path):
    state = State(epoch=2, step=5, sums={"samples": 7.0}, distiller={"w": torch.arange(3.0)})
    return checkpoint.save(RunFolder(tmp_path), state)


def test_a_state_survives_the_disk(tmp_path):
    state = checkpoint.load(saved(tmp_path), {"w": torch.zeros(3)})
    assert (state.epoch, state.step, state.sums) == (2, 5, {"samples": 7.0})
    assert torch.equal(state.distiller["w"], torch.arange(3.0))


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_truncated_file_is_called_damaged(tmp_path, keep):
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SpikedistillError, match="it is damaged or not a checkpoint"):
        checkpoint.load(path, {"w": torch.zeros(3)})


def test_a_pickle_that_wants_to_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("ran",))

    for name, dump in (("raw.pt", pickle.dump), ("torch.pt", torch.save)):
        with open(tmp_path / name, "wb") as file:
            dump(Evil(), file)
        with pytest.raises(SpikedistillError, match="damaged or not a checkpoint"):
            checkpoint.load(tmp_path / name, {})


def test_other_networks_are_named(tmp_path):
    path = saved(tmp_path)
    with pytest.raises(SpikedistillError, match=r"0 names and 1 sizes differ, the first is 'w'"):
        checkpoint.load(path, {"w": torch.zeros(4)})
    with pytest.raises(SpikedistillError, match=r"2 names and 0 sizes differ, the first is 'v'"):
        checkpoint.load(path, {"v": torch.zeros(3)})
