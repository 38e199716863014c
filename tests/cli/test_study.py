"""`spikedistill study`."""

import json

import pytest

QUICK = ["training.epochs=1", "data.train_limit=64", "training.batch_size=32", "--seeds", "1"]


def test_a_study_goes_on_where_it_stopped_and_writes_its_page(spike, tmp_path):
    words = ["study", "alignment", "digits-sastc", *QUICK, "--out", tmp_path / "s"]
    listed = spike(*words, "--dry-run")
    assert listed.code == 0 and "0 of 3 cells are there" in listed.out
    assert not (tmp_path / "s").exists()
    first = spike(*words, "--cells", "1")
    assert first.code == 0 and "2 cells are missing" in first.out
    assert "[1/1] layer by layer, seed 0" in first.err
    second = spike(*words, "--cells", "1", "--quiet", "--json")
    page = json.loads(second.out)
    assert page["missing"] == 1 and page["name"] == "alignment"
    assert json.loads((tmp_path / "s/page.json").read_text())["title"] == page["title"]
    assert "| uniform |" in (tmp_path / "s/page.md").read_text()
    assert (tmp_path / "s/stm.png").exists()
    assert len(list((tmp_path / "s/cells").glob("*.json"))) == 2
    told = spike("report", tmp_path / "s")
    assert told.code == 0 and told.out.strip() == str(tmp_path / "s/report.html")
    assert page["title"] in (tmp_path / "s/report.html").read_text()


def test_finished_cells_may_come_from_elsewhere(spike, tmp_path):
    words = ["study", "negative-regularization", "digits-sastc", *QUICK, "--cells"]
    kept = ["--results", tmp_path / "kept", "--quiet"]
    assert spike(*words, "1", *kept, "--out", tmp_path / "a").code == 0
    again = spike(*words, "0", *kept, "--out", tmp_path / "b", "--json")
    assert json.loads(again.out)["missing"] == 11
    assert not (tmp_path / "b/runs").exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["study", "noisy"], "no study 'noisy'"),
        (["study", "ablation", "digits-satsc"], "no recipe 'digits-satsc'"),
        (["study", "ablation", "cifar10-twin"], "needs a recipe whose last phase has one sastc"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(spike, words, what):
    end = spike(*words)
    assert end.code == 1 and what in end.err and "Traceback" not in end.err


def test_a_study_of_a_recipe_without_a_teacher_is_refused(spike, tmp_path):
    recipe = tmp_path / "alone.yaml"
    recipe.write_text(
        "name: alone\ndata: {name: digits}\n"
        "networks: {student: {model: digits, activation: lif}}\n"
        "phases: [{roles: {student: {network: student, timesteps: 2, trainable: true}},"
        " losses: [cross_entropy]}]\n"
    )
    end = spike("study", "timesteps", recipe)
    assert end.code == 1 and "alone has none: every role" in end.err
