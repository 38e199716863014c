"""The table of a comparison."""

import pytest

from spikedistill.core.errors import SpikedistillError
from spikedistill.grid.compare import page, points
from spikedistill.recipes.files import load
from spikedistill.recipes.schema import parse


@pytest.fixture
def recipe():
    return load("digits-sastc").model_copy(update={"claim": None})


def cell(point, accuracy, others=()):
    row = {"role": "student", "metric": "accuracy", "scores": {"accuracy": [accuracy]},
           "timesteps": 2, "parameters": 9200, "firing_rate": 0.25, "synops": 1e6,
           "multiplications": 0.0, "macs": 2e6, "train_seconds": 75.0}  # fmt: skip
    return point, {"key": point.key, "row": row, "history": [], "others": list(others)}


def test_every_variant_of_the_last_phase_for_each_seed(recipe):
    made = points([recipe], [], 2)
    names = ["cross_entropy", "cross_entropy+logit_kd", "cross_entropy+logit_kd+sastc"]
    assert [point.labels["student"] for point in made] == names * 2
    assert all(len(point.recipe.phases) == 2 for point in made)


def test_sets_of_losses_take_the_recipes_options_where_it_has_them(recipe):
    (made,) = points([recipe], ["cross_entropy+sastc+fitnet"], 1)
    losses = {loss.name: loss for loss in made.recipe.phases[-1].losses}
    assert losses["sastc"].weight == 100.0 and losses["fitnet"].weight == 1.0


def test_a_loss_that_does_not_exist_is_refused(recipe):
    with pytest.raises(SpikedistillError, match=r"no loss 'satsc'.*sastc.*joined by"):
        points([recipe], ["cross_entropy+satsc"], 1)


def test_a_loss_of_ones_own_keeps_its_options_by_either_name(recipe, tmp_path, monkeypatch):
    own = "from spikedistill.methods.logit_kd import LogitKD\n\nclass Mine(LogitKD):\n    pass\n"
    (tmp_path / "compare_mine.py").write_text(own)
    monkeypatch.syspath_prepend(tmp_path)
    plain = recipe.plain()
    plain["phases"][-1]["losses"] = ["cross_entropy", {"compare_mine:Mine": {"weight": 0.5}}]
    sets = ["Mine", "compare_mine:Mine"]
    made = points([parse(plain)], sets, 1)
    assert [point.recipe.phases[-1].losses[-1].weight for point in made] == [0.5, 0.5]
    assert made[0].key == made[1].key
    (other,) = points([recipe], ["cross_entropy+compare_mine:Mine"], 1)
    assert other.recipe.phases[-1].losses[-1].weight == 1.0


def test_recipes_of_one_name_are_refused(recipe):
    with pytest.raises(SpikedistillError, match="2 recipes are called 'digits-sastc'"):
        points([recipe, recipe], [], 1)


def test_a_loss_without_its_teacher_is_refused(recipe):
    alone = recipe.model_copy(update={"phases": recipe.phases[:1]})
    with pytest.raises(SpikedistillError, match="teacher"):
        points([alone], ["cross_entropy+logit_kd"], 1)


def test_students_whose_losses_share_names_keep_their_own(recipe):
    plain = recipe.plain()
    light = [{"cross_entropy": {}}, {"logit_kd": {}}, {"sastc": {"weight": 1.0}}]
    plain["phases"][-1]["compare"] = {"light": light, "plain": ["cross_entropy"]}
    made = points([parse(plain)], [], 1)
    whole = "cross_entropy+logit_kd+sastc"
    names = [point.labels["student"] for point in made]
    assert sorted(names) == ["cross_entropy", whole, f"{whole} (light)"]
    assert len({point.key for point in made}) == 3


def test_the_table_compares_with_the_first_student_of_the_recipe():
    recipe = load("cifar10-sastc")
    made = points([recipe], [], 2)
    first, whole = made[0].labels["student"], made[-1].labels["student"]
    teacher = {"role": "teacher", "losses": [], "metric": "accuracy",
               "scores": {"accuracy": [95.0]}, "timesteps": 1, "parameters": 853018,
               "firing_rate": None, "synops": None, "multiplications": 1.25e8}  # fmt: skip
    reached = {first: 90.0, whole: 94.0}
    cells = [
        cell(point, reached[point.labels["student"]] + point.seed * 0.1, [teacher])
        for point in made
        if point.labels["student"] in reached
    ]
    table, told = page(cells, [recipe]).parts
    assert told.startswith("Spread between seeds, pooled over the table: ")
    rows = {row[1]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    whole = whole.replace("+", " + ")
    assert rows["(teacher: as it came)"]["accuracy, %"] == "95.00 ± 0.00"
    assert rows["(teacher: as it came)"]["energy, µJ"] == "575"
    assert rows[first]["against first"] == "" and rows[first]["claimed"] == ""
    assert rows[whole]["accuracy, %"] == "94.05 ± 0.07"
    assert rows[whole]["against first"] == "**+4.00**"
    assert rows[whole]["claimed"] == "95.12"
    assert rows[whole]["energy, µJ"] == "0.9" and rows[whole]["training"] == "1 min 15 s"
    assert rows[whole]["SynOps"] == "1 M" and rows["(teacher: as it came)"]["SynOps"] == ""
    assert rows["(teacher: as it came)"]["MACs"] == "125 M"


def test_several_recipes_are_set_against_each_other():
    recipes = [load("cifar10-study"), load("cifar10-study-ann")]
    made = points(recipes, ["cross_entropy", "cross_entropy+logit_kd"], 2)
    reached = {("cifar10-study", "cross_entropy"): 40.0,
               ("cifar10-study", "cross_entropy+logit_kd"): 43.0,
               ("cifar10-study-ann", "cross_entropy"): 42.0,
               ("cifar10-study-ann", "cross_entropy+logit_kd"): 43.0}  # fmt: skip
    cells = [
        cell(point, reached[point.labels["recipe"], point.labels["student"]] + point.seed)
        for point in made
    ]
    _, _, table = page(cells, recipes).parts
    assert table.columns == ("student", "- 1", "- 2", "- 3", "- 4")
    assert table.rows[1][0] == "2: cifar10-study, cross_entropy + logit_kd"
    # two seeds one point apart in all four: 2.776 * 0.707 = 1.96 points are seen
    assert [row[1:] for row in table.rows] == [
        ["", "**-3.00**", "**-2.00**", "**-3.00**"],
        ["**+3.00**", "", "+1.00", "+0.00"],
        ["**+2.00**", "-1.00", "", "-1.00"],
        ["**+3.00**", "+0.00", "+1.00", ""],
    ]
