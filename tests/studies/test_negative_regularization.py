"""Which cells the study of fixed pairs needs, and what its page says."""

from spikedistill.pages.page import Picture
from spikedistill.recipes.files import load
from spikedistill.studies.negative_regularization import _page as page
from spikedistill.studies.negative_regularization import _points as points

HINTS = ["no hint", "layer by layer", "SASTC",
         *(f"stage{i} from stage{j}" for i in (1, 2, 3) for j in (1, 2, 3))]  # fmt: skip


def test_every_pair_and_three_to_compare_with_for_each_seed():
    made = points(load("cifar10-study"), 2)
    assert [point.labels["hint"] for point in made] == HINTS * 2
    assert [point.seed for point in made] == [0] * 12 + [1] * 12
    assert len({point.key for point in made}) == 24
    pair = made[HINTS.index("stage2 from stage3")].recipe.phases[-1].losses[-1]
    assert pair.options["pairs"] == {"stage2": "stage3"}


def test_the_page_says_what_each_hint_costs(tmp_path, finished):
    made = points(load("cifar10-study"), 2)

    def accuracy(point):
        return {"no hint": 50.0, "SASTC": 60.0}.get(point.labels["hint"], 49.5) + point.seed

    page_of = page(finished(made, accuracy), tmp_path)
    table = page_of.parts[0]
    assert table.caption == "Test accuracy after all T steps, last epoch"
    assert table.columns == ("hint", "accuracy, %", "seeds", "against 'no hint'")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["no hint"] == ["50.50 ± 0.71", "2", ""]
    assert rows["SASTC"] == ["60.50 ± 0.71", "2", "**+10.00**"]
    assert rows["stage1 from stage3"] == ["50.00 ± 0.71", "2", "-0.50"]
    assert "from 1.54 points on" in page_of.parts[1]
    assert isinstance(page_of.parts[2], Picture) and (tmp_path / "heat.png").stat().st_size > 1000


def test_a_page_of_half_the_cells_has_no_heat_map(tmp_path, finished):
    made = points(load("cifar10-study"), 1)[:7]
    page_of = page(finished(made, lambda point: 50.0), tmp_path)
    assert len(page_of.parts[0].rows) == 7
    assert not any(isinstance(part, Picture) for part in page_of.parts)
    assert page([], tmp_path).parts[0].rows == []
