from __future__ import annotations

from typing import Any

import pytest

from spikedistill.core.schedule import Schedule
from spikedistill.recipes.faults import RecipeError
from spikedistill.recipes.schema import parse


def small(**changes: Any) -> dict[str, Any]:
    """A recipe in few words."""
    return {
        "name": "small",
        "data": "digits",
        "networks": {
            "teacher": "digits",
            "student": {"model": "digits", "activation": {"lif": {"tau": 2}}},
        },
        "phases": [
            {
                "roles": {
                    "student": {"network": "student", "timesteps": 2, "trainable": True},
                    "teacher": {"network": "teacher"},
                },
                "losses": ["cross_entropy", {"sastc": {"weight": 100}}],
            }
        ],
        **changes,
    }


def phase(**changes: Any) -> dict[str, Any]:
    """`small` with another phase."""
    return small(phases=[small()["phases"][0] | changes])


def faults(given: Any) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse(given)
    return [str(fault) for fault in caught.value.faults]


def test_defaults_are_written_out_and_read_back_alike() -> None:
    recipe = parse(small())
    plain = recipe.plain()
    assert parse(plain).plain() == plain
    assert plain["networks"]["teacher"] == {"model": "digits", "activation": "relu"}
    assert plain["networks"]["student"]["activation"] == {"lif": {"tau": 2.0}}
    assert plain["phases"][0]["name"] == "student"
    assert plain["phases"][0]["losses"][1] == {"sastc": {"weight": 100.0, "learner": "student"}}
    assert plain["phases"][0]["training"]["momentum"] == 0.9
    assert recipe.seed == 0


def test_phases_are_named_and_their_settings_lie_over_those_of_the_recipe() -> None:
    first = {
        "roles": {"teacher": {"network": "teacher", "trainable": True}},
        "losses": [{"cross_entropy": {"learner": "teacher"}}],
        "training": {"epochs": 2},
    }
    recipe = parse(small(phases=[first, *small()["phases"]], training={"epochs": 7, "lr": "1e-2"}))
    assert [one.name for one in recipe.phases] == ["phase1", "student"]
    assert [recipe.settings(one).epochs for one in recipe.phases] == [2, 7]
    assert recipe.settings(recipe.phases[0]).lr == 0.01
    assert recipe.phases[0].student == "teacher"


def test_all_faults_are_shown_at_once_each_with_its_path() -> None:
    wrong = small(
        seed="x",
        trainng={"epochs": 3},
        training={"lr": "fast", "compile": "offf", "epoch": 3},
        data={"name": "mnistt"},
        claim={"valu": 3},
        augment={"crop": -1, "flop": True},
        encoder="direkt",
    )
    wrong["networks"]["student"] = {"model": "resnet19", "activation": {"lif": {"tu": 3}}}
    wrong["networks"]["teacher"] = {"model": "resnett19", "weights": 3}
    wrong["phases"][0]["losses"] = [
        {"sastc": {"wieght": 100}},
        {"logit_kd": {"temperature": "hot", "time": "step"}},
        "sastk",
    ]
    wrong["phases"][0]["roles"]["student"]["timesteps"] = 0
    found = faults(wrong)
    assert [fault for fault in found if "augment" not in fault] == [
        "claim.value: is required and missing",
        "claim.valu: unknown option; did you mean 'value'?",
        "seed: should be a whole number, not the text 'x'",
        "data.name: there is no data set 'mnistt'; did you mean 'mnist'?",
        "encoder: there is no encoder 'direkt'; did you mean 'direct'?",
        "networks.teacher.weights: should be text, not 3",
        "networks.teacher.model: there is no network 'resnett19'; did you mean 'resnet19'?",
        "networks.student.activation.lif.tu: unknown option; did you mean 'tau'?",
        "training.lr: should be a number, not the text 'fast'",
        "training.compile: the text 'offf' is not one of the choices; did you mean 'off'?",
        "training.epoch: unknown option; did you mean 'epochs'?",
        "phases[0].roles.student.timesteps: must be at least 1, not 0",
        "phases[0].losses[0].sastc.wieght: unknown option; did you mean 'weight'?",
        "phases[0].losses[1].logit_kd.temperature: should be a number, not the text 'hot'",
        "phases[0].losses[1].logit_kd.time: the text 'step' is not one of the choices; "
        "did you mean 'steps'?",
        "phases[0].losses[2]: there is no method 'sastk'; did you mean 'sastc'?",
        "trainng: unknown option; did you mean 'training'?",
    ]
    assert len(found) == 19


def test_names_must_lead_somewhere() -> None:
    wrong = small(networks={"student": {"from": "teecher", "by": "twin"}, "teacher": "digits"})
    wrong["phases"][0]["roles"]["teacher"]["network"] = "techer"
    wrong["phases"][0]["losses"] = [
        {"cross_entropy": {"learner": "studnt"}},
        {"cross_entropy": {}},
        {"cross_entropy": {}},
    ]
    assert faults(wrong) == [
        "networks.student.from: there is no other network 'teecher'; did you mean 'teacher'?",
        "phases[0].roles.teacher.network: there is no network 'techer'; did you mean 'teacher'?",
        "phases[0].losses[0].cross_entropy: the learner is 'studnt', and there is no such role; "
        "did you mean 'student'?",
        "phases[0].losses[1].cross_entropy: two losses are called 'cross_entropy'; give one of "
        "them a `name:`",
        "phases[0].losses[2].cross_entropy: two losses are called 'cross_entropy'; give one of "
        "them a `name:`",
    ]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([1], "should be a mapping, not the list [1]"),
        (small(name="a b"), "name: a name becomes a folder"),
        (small(phases=[]), "phases: needs at least one phase"),
        (phase(losses=[]), "phases[0].losses: needs at least one loss"),
        (phase(losses=[3]), "phases[0].losses[0]: a loss is a method's name"),
        (phase(roles={"student": {"network": "student"}}), "no role learns"),
        (phase(training={"schedule": "step"}), "phases[0].training: schedule: step needs"),
        (phase(compare={"student": ["cross_entropy"]}), "two trainings are called 'student'"),
        (small(networks={"student": {"activation": "lif"}}), "exactly one of model: ..., call:"),
        (small(data={"nam": "digits"}), "did you mean 'name'?"),
        (small(networks=small()["networks"] | {"n": {"model": "digits", "depth": 4}}),
         "networks.n.depth: unknown option"),
        (phase(losses=[{"sastc": {"weight": {"start": 0, "end": 1, "until": 2}}}]),
         "phases[0].losses[0].sastc.weight: a schedule runs from"),
        (small(networks=small()["networks"] | {"n": {"model": "digits", "activation":
         {"lif": {"preset": "spikingjely"}}}}), "did you mean 'spikingjelly'?"),
    ],
)  # fmt: skip
def test_what_is_refused(given: Any, sentence: str) -> None:
    assert any(sentence in fault for fault in faults(given)), faults(given)


def test_a_weight_may_be_a_schedule() -> None:
    ramp = {"start": 0, "end": 100, "until": 0.5}
    recipe = parse(phase(losses=[{"sastc": {"weight": ramp}}]))
    assert recipe.phases[0].losses[0].weight == Schedule(0.0, 100.0, 0.0, 0.5)
    assert parse(recipe.plain()).phases[0].losses == recipe.phases[0].losses


def test_one_method_may_sit_twice_under_two_names() -> None:
    losses = ["cross_entropy", {"cross_entropy": {"name": "steps", "time": "steps"}}]
    recipe = parse(phase(losses=losses))
    assert [loss.name for loss in recipe.phases[0].losses] == ["cross_entropy", "steps"]
    assert recipe.phases[0].losses[1].options == {"time": "steps"}


def own(student: dict[str, Any], **roles: dict[str, Any]) -> dict[str, Any]:
    """`small` with settings of their own for roles."""
    learns = {"network": "student", "timesteps": 2, "trainable": True, "training": student}
    return phase(roles={"student": learns, "teacher": {"network": "teacher"}, **roles})


def test_a_role_may_have_an_optimiser_of_its_own() -> None:
    recipe = parse(own({"lr": "0.5", "schedule": "step", "milestones": [3, 4]}))
    (one,) = recipe.phases
    settings = {"lr": 0.5, "schedule": "step", "milestones": (3, 4)}
    assert one.roles["student"].training == settings and one.roles["teacher"].training == {}
    plain = recipe.plain()
    assert plain["phases"][0]["roles"]["student"]["training"]["milestones"] == [3, 4]
    assert "training" not in plain["phases"][0]["roles"]["teacher"]
    assert parse(plain).plain() == plain


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (own({"epochs": 3}), "student.training.epochs: belongs to the whole phase; a role of its"),
        (own({"lrr": 3}), "student.training.lrr: unknown option; did you mean 'lr'"),
        (own({"schedule": "step"}), "student.training: schedule: step needs milestones"),
        (
            own({}, teacher={"network": "teacher", "training": {"lr": 0.1}}),
            "teacher.training: is for a role that learns; mark it with trainable: true, or leave",
        ),
        (
            own({"lr": 1}, twice={"network": "student", "trainable": True, "training": {"lr": 2}}),
            "twice.training: is there in two roles of the network 'student'; leave one out",
        ),
    ],
)
def test_settings_of_a_role_that_cannot_be(given: dict[str, Any], fault: str) -> None:
    (found,) = faults(given)
    assert found.startswith(f"phases[0].roles.{fault}")


def test_metrics_are_chosen_with_their_options_or_are_those_of_the_task() -> None:
    assert parse(small()).metrics == () and "metrics" not in parse(small()).plain()
    recipe = parse(small(metrics=["error", {"accuracy": {"top": "5"}}]))
    assert [(one.name, one.options) for one in recipe.metrics] == [
        ("error", {}), ("accuracy", {"top": 5})
    ]  # fmt: skip
    assert recipe.plain()["metrics"] == ["error", {"accuracy": {"top": 5}}]
    assert parse(recipe.plain()).metrics == recipe.metrics
    assert faults(small(metrics=["acuracy", {"accuracy": {"tpo": 1}}])) == [
        "metrics[0]: there is no metric 'acuracy'; did you mean 'accuracy'?",
        "metrics[1].accuracy.tpo: unknown option; did you mean 'top'?",
    ]


def test_a_phase_may_have_data_of_its_own_and_may_only_judge() -> None:
    given = phase(data={"name": "mnist", "valid": 100}, training={"epochs": 0}, losses=[])
    recipe = parse(given)
    assert recipe.phases[0].data is not None and recipe.phases[0].data.name == "mnist"
    assert recipe.settings(recipe.phases[0]).epochs == 0
    assert parse(recipe.plain()).plain() == recipe.plain()
    assert recipe.plain()["phases"][0]["data"] == {"name": "mnist", "valid": 100}


def recorded(**changes: Any) -> dict[str, Any]:
    roles = {
        "student": {"network": "student", "timesteps": 2, "trainable": True},
        "teacher": {"network": "teacher", "record": True},
    }
    return phase(roles=roles) | changes


def test_a_role_that_does_not_learn_may_be_recorded_where_samples_stay_the_same() -> None:
    assert parse(recorded()).phases[0].roles["teacher"].record
    assert parse(recorded(augment={"flip": False})).phases[0].roles["teacher"].record
    for changes, reason in (
        ({"augment": {"flip": True}}, "the data are augmented; leave out augment"),
        ({"encoder": "rate"}, "encoder: rate draws its input anew each time"),
    ):
        (fault,) = faults(recorded(**changes))
        assert "teacher.record" in fault and reason in fault and "set record: false" in fault


def test_a_role_whose_network_learns_cannot_be_recorded() -> None:
    given = recorded()
    given["phases"][0]["roles"]["teacher"]["network"] = "student"
    (fault,) = faults(given)
    assert "its network learns in this phase" in fault
