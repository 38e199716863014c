"""A grid does what is missing, once, and goes on where it stopped."""

import json
import shutil

import pytest

from spikedistill.build import cells
from spikedistill.core.claim import claimed
from spikedistill.core.errors import SpikedistillError
from spikedistill.grid import grid as grid_run
from spikedistill.grid.grid import Grid
from spikedistill.grid.points import Look, Point, alone, changed, seeded
from spikedistill.grid.store import Store
from spikedistill.recipes.files import load
from spikedistill.recipes.schema import parse
from spikedistill.training.interrupt import Interrupted

QUICK = ["training.epochs=1", "data.train_limit=64", "training.batch_size=32"]


@pytest.fixture(scope="module")
def points():
    recipe = load("digits-sastc", QUICK)
    losses = recipe.phases[-1].losses
    return [
        Point({"losses": len(some)}, alone(one, some))
        for one in seeded(recipe, 1)
        for some in (losses[:1], losses[:2])
    ]


@pytest.fixture(scope="module")
def done(points, tmp_path_factory):
    from spikedistill.functional.compiled import compiling

    folder = tmp_path_factory.mktemp("grid")
    with compiling(False):
        Grid(folder, Store(folder / "cells")).run(points)
    return folder


def test_every_cell_is_kept_with_its_row_history_and_recipe(points, done):
    cells = Grid(done, Store(done / "cells")).cells(points)
    assert [point.labels["losses"] for point, _ in cells] == [1, 2]
    for point, cell in cells:
        assert cell["key"] == point.key and cell["row"]["cell"] == "student"
        assert len(cell["history"]) == 1 and cell["training"]["seed"] == 0
        assert [row["cell"] for row in cell["others"]] == ["teacher"]
        assert cell["made"]["versions"]["torch"]
        assert cell["made"]["precision"] == ["fp32", "fp32"]  # of the teacher and of the student
        (line,) = cell["history"]
        assert len(line["valid"]) == 2 and line["valid"][-1] == cell["row"]["valid"]
        assert line["samples_per_second"] > 0


def test_the_teacher_is_trained_once_for_all_cells(points, done):
    grid = Grid(done, Store(done / "cells"))
    first, second = (grid.place(point) / "cells/teacher/model.safetensors" for point in points)
    assert first.read_bytes() == second.read_bytes()
    assert (
        grid.place(points[0]).cell("teacher").manifest()
        == grid.place(points[1]).cell("teacher").manifest()
    )


def test_what_is_there_is_not_trained_again_also_without_its_run(
    points, done, tmp_path, monkeypatch
):
    monkeypatch.setattr(grid_run, "start", None)  # calling it would fail
    grid = Grid(tmp_path, Store(done / "cells"))
    grid.run(points)
    assert grid.missing(points) == []
    assert not (tmp_path / "runs").exists()


def test_auto_is_one_key_and_a_cell_says_what_it_became(points, tmp_path, monkeypatch):
    recipe = points[0].recipe
    for number in (0, 1):
        recipe = changed(recipe, **{f"phases__{number}__training__precision": "auto"})
    grid, point = Grid(tmp_path, Store(tmp_path / "cells")), Point({}, recipe)
    monkeypatch.setattr(cells, "faster", lambda: "fp32")
    with pytest.raises(StopIteration):
        grid.run([Point({}, recipe, {"x": Look(each_epoch=lambda *_: next(iter("")))})])
    monkeypatch.setattr(cells, "faster", lambda: "bf16")  # a quieter moment
    assert grid.run([point]) == []  # what has begun goes on as it began
    assert grid.store.get(point.key)["made"]["precision"] == ["fp32", "fp32"]
    assert point.key != points[0].key
    other = Grid(tmp_path / "other", Store(tmp_path / "other/cells"))
    assert other.run([point]) == []
    assert other.store.get(point.key)["made"]["precision"] == ["bf16", "bf16"]


def test_what_is_known_of_a_teacher_is_not_taken_over_where_another_metric_judges(points, tmp_path):
    plain = points[1].recipe.plain()
    plain["phases"] = plain["phases"][-1:]  # its teacher is as it came
    best, among_five = (
        Point({"top": top}, parse(plain | {"metrics": [{"accuracy": {"top": top}}]}))
        for top in (1, 5)
    )
    grid = Grid(tmp_path, Store(tmp_path / "cells"))
    assert grid.run([best, among_five]) == []
    ((one,), (other,)) = (grid.store.get(point.key)["others"] for point in (best, among_five))
    assert one["state"] == other["state"]
    assert other["scores"]["accuracy"][0] > one["scores"]["accuracy"][0]


def test_a_look_that_was_not_taken_makes_a_cell_missing(points, done, tmp_path):
    store = Store(tmp_path / "cells")
    shutil.copytree(done / "cells", store.folder)
    after = Look(afterwards=lambda run, data: run.name)
    (look,) = [Point(points[0].labels, points[0].recipe, {"where": after})]
    grid = Grid(done, store)
    assert [point.key for point in grid.missing([look, points[1]])] == [look.key]
    grid.run([look])  # the run is there, so nothing is trained
    assert store.get(look.key)["looks"] == {"where": look.key}


def test_a_cell_keeps_what_another_study_looked_at(points, done, tmp_path):
    store = Store(tmp_path / "cells")
    shutil.copytree(done / "cells", store.folder)
    before = store.get(points[0].key)
    for name in ("first", "second"):
        look = Look(afterwards=lambda run, data, name=name: name)
        Grid(done, store).run([Point({}, points[0].recipe, {name: look})])
    after = store.get(points[0].key)
    assert after["looks"] == {"first": "first", "second": "second"}
    assert after | {"looks": None} == before | {"looks": None}


def test_a_look_at_every_epoch_trains_afresh(points, tmp_path):
    seen = []

    def count(distiller, valid):
        assert not distiller.training
        seen.append(len(valid))
        return len(seen)

    point = Point({}, points[0].recipe, {"count": Look(each_epoch=count)})
    grid = Grid(tmp_path, Store(tmp_path / "cells"))
    grid.run([points[0]])
    assert not seen
    grid.run([point])
    assert len(seen) == 1  # the teacher is not trained again
    assert grid.store.get(point.key)["looks"] == {"count": [1]}


def test_an_unfinished_run_without_the_look_trains_its_student_afresh(points, tmp_path):
    recipe = changed(points[0].recipe, phases__1__training__epochs=3)
    calls = iter("teacher, first".split(", "))
    grid = Grid(tmp_path, Store(tmp_path / "cells"))
    with pytest.raises(StopIteration):  # in the second epoch of the student
        grid.run([Point({}, recipe, {"late": Look(each_epoch=lambda *_: next(calls))})])
    point = Point({}, recipe, {"count": Look(each_epoch=lambda distiller, valid: 7)})
    assert grid.run([point]) == []
    assert grid.store.get(point.key)["looks"] == {"count": [7, 7, 7]}


def test_what_changes_no_number_does_not_stand_in_the_way(points, tmp_path):
    grid, recipe = Grid(tmp_path, Store(tmp_path / "cells")), points[0].recipe

    with pytest.raises(StopIteration):
        grid.run([Point({}, recipe, {"x": Look(each_epoch=lambda *_: next(iter("")))})])
    often = changed(recipe, phases__1__training__save_every=30)
    point = Point({}, often)
    assert point.key == points[0].key and grid.run([point]) == []
    assert grid.missing([point]) == []


def test_a_cell_that_cannot_be_trained_is_told_and_the_others_go_on(points, tmp_path):
    changes = {"phases__1__training__lr": 1e30, "phases__1__training__epochs": 3}
    broken = Point({"lr": "huge"}, changed(points[0].recipe, **changes))
    grid = Grid(tmp_path, Store(tmp_path / "cells"))
    (failed,) = grid.run([broken, points[1]])
    assert failed.startswith("huge, seed 0: ")
    assert [point.key for point in grid.missing([broken, points[1]])] == [broken.key]
    again = Grid(tmp_path / "again", Store(tmp_path / "again/cells"))
    again.run([broken, points[1]], most=1)  # one that is given up is not one that is done
    assert [point.key for point in again.missing([broken, points[1]])] == [broken.key]


def failing(monkeypatch, error):
    """Let every training end with this error; the recipes that were tried."""
    tried = []

    def fail(recipe, *_args, **_options):
        tried.append(recipe)
        raise error

    monkeypatch.setattr(grid_run, "start", fail)
    return tried


def test_what_stops_every_cell_is_said_once(points, tmp_path, monkeypatch):
    tried = failing(monkeypatch, SpikedistillError("the disk is full"))
    three = [Point({"n": n}, changed(points[0].recipe, seed=n)) for n in range(3)]
    (failed,) = Grid(tmp_path, Store(tmp_path / "cells")).run(three)
    assert failed == "0, seed 0; 1, seed 1: the disk is full" and len(tried) == 2


def test_a_user_who_stops_it_stops_all_of_it(points, tmp_path, monkeypatch):
    tried = failing(monkeypatch, Interrupted("stopped after epoch 1"))
    with pytest.raises(Interrupted):
        Grid(tmp_path, Store(tmp_path / "cells")).run(points)
    assert len(tried) == 1


def test_a_run_of_another_recipe_is_not_taken_for_this_one(points, tmp_path):
    grid, recipe = Grid(tmp_path, Store(tmp_path / "cells")), points[0].recipe
    with pytest.raises(StopIteration):
        grid.run([Point({}, recipe, {"x": Look(each_epoch=lambda *_: next(iter("")))})])
    config = grid.place(points[0]) / "config.yaml"
    config.write_text(config.read_text().replace("lr: 0.1", "lr: 0.5"))
    (failed,) = grid.run([points[0]])
    assert "config.yaml is of another training than" in failed and "delete" in failed


def test_a_damaged_neighbour_is_left_alone(points, done, tmp_path):
    shutil.copytree(done, tmp_path / "grid")
    grid = Grid(tmp_path / "grid", Store(tmp_path / "grid/cells"))
    (grid.place(points[0]) / "result.json").write_text("{")
    other = Point({"seed": 1}, points[0].recipe.model_copy(update={"seed": 1}))
    assert grid.run([*points, other]) == []


def test_no_more_cells_than_asked_for(points, tmp_path):
    grid = Grid(tmp_path, Store(tmp_path / "cells"))
    grid.run(points, most=0)
    assert len(grid.missing(points)) == 2 and not (tmp_path / "runs").exists()


def test_a_cell_that_another_process_trains_is_passed_over(points, tmp_path):
    grid = Grid(tmp_path, Store(tmp_path / "cells"))
    said = []
    grid.progress.say = said.append
    with claimed(tmp_path / "cells" / points[0].key) as mine:
        assert mine
        grid.run(points)
    assert [point.key for point in grid.missing(points)] == [points[0].key]
    assert any("another process trains it" in line for line in said)
    grid.run(points)
    assert grid.missing(points) == []
    assert not list((tmp_path / "cells").glob(".*"))


def test_a_damaged_cell_stops_before_anything_is_trained(points, tmp_path):
    store = Store(tmp_path / "cells")
    store.folder.mkdir()
    (store.folder / f"{points[1].key}.json").write_text("{")
    with pytest.raises(SpikedistillError, match="delete it"):
        Grid(tmp_path, store).run(points)
    assert not (tmp_path / "runs").exists()


def test_a_student_that_no_metric_judges_is_no_cell(points, done, tmp_path):
    shutil.copytree(done / "runs" / points[0].key, tmp_path / "runs" / points[0].key)
    result = tmp_path / "runs" / points[0].key / "result.json"
    kept = json.loads(result.read_text())
    kept["rows"][-1]["metric"], kept["rows"][-1]["scores"] = "", {}
    result.write_text(json.dumps(kept))
    grid = Grid(tmp_path, Store(tmp_path / "cells"))
    (why,) = grid.run(points[:1])
    assert "student has no score that cells could be compared by" in why and "`metrics:`" in why
    assert not grid.cells(points[:1])
