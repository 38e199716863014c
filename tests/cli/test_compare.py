"""`spikedistill compare`."""

import json

QUICK = ["training.epochs=1", "data.train_limit=64", "training.batch_size=32"]


def test_sets_of_losses_over_two_seeds_make_one_table(spike, tmp_path):
    sets = ["losses=cross_entropy", "losses=cross_entropy+logit_kd"]
    words = ["compare", "digits-sastc", *sets, *QUICK, "--seeds", "2", "--out", tmp_path / "c"]
    end = spike(*words, "--json", "--quiet")
    assert end.code == 0, end.err
    page = json.loads(end.out)
    table = page["parts"][0]["table"]
    rows = {row[1]: dict(zip(table["columns"], row, strict=True)) for row in table["rows"]}
    assert set(rows) == {"(teacher: cross_entropy)", "cross_entropy", "cross_entropy + logit_kd"}
    assert all("±" in row["accuracy, %"] for row in rows.values())
    assert rows["cross_entropy"]["seeds"] == "2" and page["missing"] == 0
    assert "cross_entropy + logit_kd" in (tmp_path / "c/page.md").read_text()
    shown = spike(*words)
    assert "4 of 4 cells are there; 0 to train" in shown.err
    assert "page.md" in shown.out and ("**" in shown.out) == ("**" in str(table["rows"]))


def test_a_comparison_without_a_recipe_is_refused(spike):
    end = spike("compare", "losses=cross_entropy")
    assert end.code == 1 and "compare got no recipe" in end.err


def test_a_loss_that_does_not_exist_is_refused(spike):
    end = spike("compare", "digits-sastc", "losses=cross_entropy+satsc")
    assert end.code == 1 and "no loss 'satsc'" in end.err
