"""What lies on disk, and that nothing is ever half written."""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.training.run_folder import RunFolder


def test_a_run_is_written_and_read_back(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create({"name": "x", "b": 1}, {"seed": 3})
    folder.write_metrics([{"epoch": 1}, {"epoch": 2}])
    assert folder.config() == {"name": "x", "b": 1}
    assert folder.manifest() == {"seed": 3}
    assert [row["epoch"] for row in folder.metrics()] == [1, 2]
    assert folder.result() is None
    folder.write_json("result.json", {"accuracy": 1})
    assert folder.result() == {"accuracy": 1}
    assert folder.cell("a").path == tmp_path / "run" / "cells" / "a"


def test_a_folder_that_holds_a_run_is_refused_or_replaced(tmp_path):
    folder = RunFolder(tmp_path)
    folder.create({"name": "x"}, {})
    with pytest.raises(SpikedistillError, match=r"already holds a run; go on with it by .* resume"):
        folder.create({"name": "y"}, {})
    folder.cell("a").create({"name": "a"}, {})
    folder.write_text("result.json", "{}")
    folder.create({"name": "y"}, {}, replace=True)
    assert folder.config() == {"name": "y"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "manifest.json"]


def test_only_a_run_is_thrown_away_and_nothing_beside_it(tmp_path):
    folder = RunFolder(tmp_path)
    (tmp_path / "config.yaml").write_text("db: x")
    for replace in (False, True):
        with pytest.raises(SpikedistillError, match=r"a config\.yaml that no run wrote"):
            folder.create({"name": "y"}, {}, replace=replace)
    (tmp_path / "config.yaml").unlink()
    folder.create({"name": "x"}, {})
    (tmp_path / ".git").mkdir()
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SpikedistillError, match=r"not only a run but also \.git, thesis\.txt, so"):
        folder.create({"name": "y"}, {}, replace=True)
    assert folder.config() == {"name": "x"} and (tmp_path / "thesis.txt").exists()


def test_a_run_does_not_go_on_with_other_data_or_another_teacher(tmp_path):
    folder = RunFolder(tmp_path)
    folder.create({}, {"data": {"train": "md5:1", "test": "md5:2"}, "teacher": "abc"})
    folder.refuse_changes({"train": "md5:1", "test": "md5:2"}, "abc")
    folder.refuse_changes({})  # nothing is known of them now
    with pytest.raises(SpikedistillError, match=r"its data have changed since it began \(test\)"):
        folder.refuse_changes({"train": "md5:1", "test": "md5:3"})
    with pytest.raises(SpikedistillError, match="its teacher has other weights"):
        folder.refuse_changes({}, "abd")


@pytest.mark.parametrize("text", ["", "[1]", "a: [", "\xff"])
def test_a_damaged_recipe_is_named(tmp_path, text):
    (tmp_path / "config.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(SpikedistillError, match=r"config\.yaml cannot be read: .*; put it back"):
        RunFolder(tmp_path).config()


def test_a_failing_write_keeps_what_was_there(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_text("state", "good")

    def full(path):
        path.write_text("ha")
        raise OSError(28, "No space left on device")

    with pytest.raises(SpikedistillError, match="No space left on device; free some space"):
        folder.write("state", full)
    assert (tmp_path / "state").read_text() == "good"
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_models_are_safetensors_also_with_tied_weights(tmp_path):
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    network[1].weight = network[0].weight
    path = RunFolder(tmp_path).save_model(network)
    state = load_file(path)
    assert torch.equal(state["0.weight"], state["1.weight"])
    assert set(state) == {"0.weight", "0.bias", "1.weight", "1.bias"}


def test_a_folder_without_a_run_says_so(tmp_path):
    with pytest.raises(SpikedistillError, match=r"is not a run folder: it has no config\.yaml"):
        RunFolder(tmp_path).config()


def test_a_damaged_json_says_which(tmp_path):
    (tmp_path / "result.json").write_text("{")
    with pytest.raises(SpikedistillError, match=r"result\.json cannot be read"):
        RunFolder(tmp_path).result()
