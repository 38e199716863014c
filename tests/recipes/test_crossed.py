"""Names of a recipe that lead nowhere, or in a circle."""

from __future__ import annotations

from typing import Any

from spikedistill.recipes.crossed import crossed


def told(**given: Any) -> list[str]:
    return [str(fault) for fault in crossed(given)]


def made(*sources: tuple[str, str]) -> dict[str, Any]:
    return {name: {"from": source, "by": "twin"} for name, source in sources}


def test_networks_that_are_made_from_each_other() -> None:
    assert told(networks={"a": "digits", **made(("b", "a"), ("c", "b"))}) == []
    (fault,) = told(networks=made(("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")))
    assert fault == (
        "networks.a.from: networks are made in a circle: a from b from c from a; break it"
    )
    both = told(networks=made(("x", "a"), ("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")))
    assert [fault.split(": ", 1)[0] for fault in both] == ["networks.a.from", "networks.c.from"]
    old = {"a": {"twin_of": "b"}, "b": {"twin_of": "a", "neuron": "lif"}}
    assert "a from b from a" in told(networks=old)[0]


def test_a_source_must_be_another_network() -> None:
    assert told(networks={"teacher": "digits", **made(("b", "b"), ("c", "teecher"))}) == [
        "networks.c.from: there is no other network 'teecher'; did you mean 'teacher'?",
        "networks.b.from: networks are made in a circle: b from b; break it",
    ]


def test_a_source_that_learns_only_after_a_network_was_made_from_it() -> None:
    networks = {"a": "digits", **made(("twin", "a"))}
    early = phase(name="one", roles={"student": {"network": "twin", "trainable": True}})
    late = phase(name="two", roles={"student": {"network": "a", "trainable": True}})
    (fault,) = told(networks=networks, phases=[early, late])
    assert fault.startswith(
        "networks.twin.from: twin is made from a when phase 0 begins, and a learns only in phase 1;"
    )
    assert told(networks=networks, phases=[late, early]) == []
    together = phase(roles={**early["roles"], "teacher": {"network": "a", "trainable": True}})
    assert told(networks=networks, phases=[together]) == []


def phase(**changes: Any) -> dict[str, Any]:
    roles = {"student": {"network": "a", "trainable": True}, "teacher": {"network": "a"}}
    return {"roles": roles, "losses": ["cross_entropy"], **changes}


def test_somebody_learns_unless_the_phase_only_judges() -> None:
    networks, roles = {"a": "digits"}, {"student": {"network": "a"}}
    only = phase(roles=roles, losses=[])
    assert told(networks=networks, phases=[only]) == [
        "phases[0].roles: no role learns; mark one with trainable: true",
        "phases[0].losses: needs at least one loss",
    ]
    assert told(networks=networks, phases=[only | {"training": {"epochs": 0}}]) == []
    assert told(networks=networks, phases=[only], training={"epochs": 0}) == []
    again = only | {"training": {"epochs": 3}}
    assert len(told(networks=networks, phases=[again], training={"epochs": 0})) == 2


def test_names_of_trainings_are_told_apart_over_all_phases() -> None:
    one = phase(name="one", compare={"less": ["cross_entropy"]})
    assert told(networks={"a": "digits"}, phases=[one, phase(name="two")]) == []
    (fault,) = told(networks={"a": "digits"}, phases=[one, phase(name="less")])
    assert fault == "phases[1]: two trainings are called 'less'; give each its own name"


def test_seats_are_roles_in_every_set_of_losses() -> None:
    wrong = phase(compare={"less": [{"logit_kd": {"guide": "teecher"}}, 3, "no_such_method"]})
    assert told(networks={"a": "digits"}, phases=[wrong]) == [
        "phases[0].compare.less[0].logit_kd: the guide is 'teecher', and there is no such role; "
        "did you mean 'teacher'?"
    ]


def test_what_is_of_another_kind_is_left_to_who_reads_it() -> None:
    assert told(networks=3, phases=4) == []
    assert told(networks={"a": 3, "b": {"from": ["a"]}}, phases=[5, {"roles": 6}]) == []
