"""`key.path=value` on the command line, laid over a recipe."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.recipes.plain_yaml import read_yaml


def override(mapping: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The mapping with one value set.

    A list entry is addressed by its number, by its name, or, in a list of losses, by its method.
    An option of something that is only named (`cross_entropy`, `lif`) makes room for it.
    `training.x` is meant for all phases, so it takes the place of what a phase says of x itself.

    Args:
        mapping: a recipe; it is not changed.
        text: `phases.student.losses.sastc.weight=50`; the value is YAML.

    Raises:
        SpikedistillError: if the text has no `=`, or the path leads nowhere.

    Example:
        >>> override({"training": {"epochs": 3}}, "training.lr=0.1")
        {'training': {'epochs': 3, 'lr': 0.1}}
        >>> override({"losses": ["kd"]}, "losses.kd.weight=2")
        {'losses': [{'kd': {'weight': 2}}]}
    """
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise SpikedistillError(
            f"{text!r} is no override; write key.path=value, for example training.epochs=10"
        )
    changed = copy.deepcopy(dict(mapping))
    if path.startswith("training."):
        _clear_phases(changed, path.removeprefix("training."))
    keys, here = path.split("."), changed
    for number, key in enumerate(keys[:-1]):
        here = _enter(here, key, path, ".".join(keys[:number]))
    where = ".".join(keys[:-1])
    _put(here, keys[-1], read_yaml(value, f"the value of {path}"), path, where)
    return changed


def _clear_phases(mapping: dict[str, Any], name: str) -> None:
    phases = mapping.get("phases")
    for phase in phases if isinstance(phases, list) else []:
        own = phase.get("training") if isinstance(phase, dict) else None
        if isinstance(own, dict):
            own.pop(name, None)


def _enter(here: Any, key: str, path: str, where: str) -> Any:
    """What the next step leads to, made a mapping where it only was a name."""
    place = _place(here, key, path, where)
    inner = here.get(place) if isinstance(here, dict) else here[place]
    if isinstance(here, list) and isinstance(inner, (str, dict)):
        name = inner if isinstance(inner, str) else next(iter(inner))
        if name == key and not (isinstance(inner, dict) and "name" in inner):
            if isinstance(inner, str) or inner[name] is None:
                here[place] = {name: {}}
            return here[place][name]
    elif inner is None or isinstance(inner, str):
        here[place] = {} if inner is None else {inner: {}}
    return here[place]


def _place(here: Any, key: str, path: str, where: str) -> Any:
    if isinstance(here, dict):
        return key
    if not isinstance(here, list):
        raise SpikedistillError(
            f"the override {path} leads nowhere: {where or 'the recipe'} is {here!r}, which has "
            "nothing inside"
        )
    if key.isdigit() and int(key) < len(here):
        return int(key)
    labels = [_label(item, index, len(here)) for index, item in enumerate(here)]
    for index, label in enumerate(labels):
        if key in label:
            return index
    known = [label[0] for label in labels] + [str(index) for index in range(len(here))]
    raise SpikedistillError(
        f"the override {path} leads nowhere: {where} has no entry {key!r}; {suggest(key, known)}"
    )


def _label(item: Any, index: int, count: int) -> list[str]:
    """What a list entry may be called."""
    if isinstance(item, str):
        return [item]
    if not isinstance(item, Mapping):
        return [str(index)]
    if "name" in item:
        return [str(item["name"])]
    if len(item) == 1:
        ((method, options),) = item.items()
        name = options.get("name") if isinstance(options, Mapping) else None
        return [str(name), str(method)] if name else [str(method)]
    return ["student" if index == count - 1 else f"phase{index + 1}"]


def _put(here: Any, key: str, value: Any, path: str, where: str) -> None:
    if isinstance(here, dict):
        here[key] = value
        return
    place = _place(here, key, path, where)
    single = isinstance(here[place], dict) and list(here[place]) == [key]
    here[place] = {key: value} if single else value
