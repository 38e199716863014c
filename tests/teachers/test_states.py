"""The sets of weights in a file, and which of them a network takes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikedistill.teachers.states import State, at_key, different, find_states, groups, rank


def net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def below(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


def fitting(held: object, network: nn.Module) -> dict[str, tuple[str, ...]]:
    found = groups(find_states(held), network)
    return {one.label: one.beside for one in found if one.fits}


def test_states_are_found_at_any_depth_and_those_of_optimizers_are_not() -> None:
    state = net().state_dict()
    held = {
        "epoch": 3,
        "loss": torch.tensor(0.5),
        "ema": {"decay": 0.9, "shadow": state},
        "model": state | {"extra": None},
        "optimizer": {"momentum": state},
        "optimizer_states": {"named": state},
        "rng": [torch.zeros(3)],
    }
    assert [one.label for one in find_states(held)] == ["model", "ema.shadow"]
    assert [one.label for one in find_states(state)] == [""]
    assert find_states([state]) == [] and find_states({"a": {1: state}}) == []
    circle: dict[str, object] = {"w": torch.ones(1)}
    circle["again"] = circle
    assert find_states({"state_dict": circle}) == []
    circle["v"] = torch.ones(1)
    assert find_states({"state_dict": circle})[0].label == "state_dict"


def test_the_customary_place_comes_first() -> None:
    labels = ["ema.model", "net", "", "model_ema", "model", "state_dict", "state_dict.module"]
    assert sorted(labels, key=rank) == [
        "", "state_dict", "state_dict.module", "model", "net", "model_ema", "ema.model",
    ]  # fmt: skip


def test_wrappers_at_any_depth() -> None:
    state = net().state_dict()
    for prefix in ("module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.net."):
        label = prefix.replace("_orig_mod.", "").removesuffix(".")
        assert fitting(below(prefix, state), net()) == {label: ()}
    inner = {name.replace("0.", "0._orig_mod."): value for name, value in state.items()}
    assert fitting(inner, net()) == {"": ()}
    averaged = torch.optim.swa_utils.AveragedModel(net()).state_dict()
    assert fitting(averaged, net()) == {"module": ()}


def test_a_network_that_is_itself_wrapped() -> None:
    plain, target = net(), nn.Module()
    target.module = net()
    (group,) = (one for one in groups([State("", plain.state_dict())], target) if one.fits)
    target.load_state_dict(group.tensors)
    assert torch.equal(target.module[0].weight, plain[0].weight)
    compiled = torch.compile(net())
    (group,) = (one for one in groups([State("", plain.state_dict())], compiled) if one.fits)
    compiled.load_state_dict(group.tensors)
    assert torch.equal(compiled._orig_mod[0].weight, plain[0].weight)


def test_what_lies_beside_is_left_out_and_known() -> None:
    state = net().state_dict()
    extra = {"criterion.weight": torch.ones(3), "n_averaged": torch.tensor(2)}
    assert fitting({"state_dict": below("model.", state) | extra}, net()) == {
        "state_dict.model": ("criterion.weight",)
    }
    both = below("student.", state) | below("teacher.", net().state_dict())
    assert fitting(both, net()) == {"student": (), "teacher": ()}
    within = state | below("ema.module.", net().state_dict())
    assert fitting(within, net()) == {"": (), "ema.module": ()}
    assert fitting(state | {"other.weight": torch.ones(1)}, net()) == {}


def test_a_network_that_holds_a_copy_of_itself() -> None:
    whole = net()
    whole.ema = net()
    assert fitting(whole.state_dict(), whole) == {"": ()}


def test_shapes_tell_networks_apart() -> None:
    held = {"small": nn.Linear(3, 4).state_dict(), "large": nn.Linear(5, 4).state_dict()}
    assert set(fitting(held, nn.Linear(5, 4))) == {"large"}
    (small,) = (one for one in groups(find_states(held), nn.Linear(5, 4)) if not one.fits)
    assert small.other == ("weight is 4x3 and should be 4x5",) and small.distance == (0, 1)


def test_equal_sets_are_one() -> None:
    state = net().state_dict()
    copy = {name: value.clone() for name, value in state.items()}
    half = {name: value.half() for name, value in state.items()}
    found = different(groups(find_states({"model": state, "ema": copy, "half": half}), net()))
    assert [one.label for one in found] == ["model", "half"]


def test_a_key_leads_to_what_is_below_it() -> None:
    labels = ["model", "model_ema.module", "state_dict.student"]
    assert at_key(labels, "model") == {"model"}
    assert at_key(labels, "model_ema") == {"model_ema.module"}
    assert at_key(labels, "stud") == set()
