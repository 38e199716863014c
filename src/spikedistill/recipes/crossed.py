"""Names that should lead to something else in the same recipe, and do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from spikedistill.core.errors import suggest
from spikedistill.recipes.faults import Fault, Path
from spikedistill.recipes.loss_entry import expanded, read_loss


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def crossed(given: Mapping[str, Any]) -> Iterator[Fault]:
    """Names that should lead to something else in the recipe; looked for in the raw mapping.

    So they are found even where another part of the recipe is wrong.
    """
    networks = _mapping(given.get("networks"))
    sources = {str(name): _source(network) for name, network in networks.items()}
    for name, other in sources.items():
        if isinstance(other, str) and other not in networks:
            path = ("networks", name, "from")
            yield Fault(path, f"there is no other network {other!r}; {suggest(other, networks)}")
    yield from _circles(sources)
    yield from _too_early(given, sources)
    phases = given.get("phases")
    if phases == []:
        yield Fault(("phases",), "needs at least one phase")
    cells: list[str] = []
    for number, phase in enumerate(phases if isinstance(phases, list) else []):
        here = ("phases", number)
        yield from _crossed_phase(_mapping(phase), here, given)
        for cell in [_mapping(phase).get("name"), *_mapping(_mapping(phase).get("compare"))]:
            if cell in cells:
                yield Fault(here, f"two trainings are called {cell!r}; give each its own name")
            cells.append(str(cell))


def _source(network: Any) -> Any:
    given = _mapping(network)
    return given.get("from", given.get("twin_of"))


def _too_early(given: Mapping[str, Any], sources: Mapping[str, Any]) -> Iterator[Fault]:
    """Networks that are made when their first phase begins, from one that learns only later."""
    phases = given.get("phases")
    first: dict[str, int] = {}
    learns: dict[str, int] = {}
    for number, phase in enumerate(phases if isinstance(phases, list) else []):
        for role in _mapping(_mapping(phase).get("roles")).values():
            network = str(_mapping(role).get("network"))
            first.setdefault(network, number)
            if _mapping(role).get("trainable"):
                learns.setdefault(network, number)
    for name, source in sources.items():
        if isinstance(source, str) and name in first and learns.get(source, -1) > first[name]:
            text = (
                f"{name} is made from {source} when phase {first[name]} begins, and {source} "
                f"learns only in phase {learns[source]}; move the phase in which it learns before"
            )
            yield Fault(("networks", name, "from"), text)


def _circles(sources: Mapping[str, Any]) -> Iterator[Fault]:
    """Networks that are made from each other."""
    told: set[str] = set()
    for name in sources:
        chain = [name]
        while isinstance(sources.get(chain[-1]), str) and chain.count(chain[-1]) == 1:
            chain.append(sources[chain[-1]])
        ring = chain[chain.index(chain[-1]) :]
        if chain.count(chain[-1]) > 1 and not told & set(ring):
            told |= set(ring)
            text = f"networks are made in a circle: {' from '.join(ring)}; break it"
            yield Fault(("networks", ring[0], "from"), text)


def _crossed_phase(
    phase: Mapping[str, Any], here: Path, given: Mapping[str, Any]
) -> Iterator[Fault]:
    networks = _mapping(given.get("networks"))
    roles = _mapping(phase.get("roles"))
    for name, role in roles.items():
        network = _mapping(role).get("network")
        if isinstance(network, str) and network not in networks:
            path = (*here, "roles", str(name), "network")
            yield Fault(path, f"there is no network {network!r}; {suggest(network, networks)}")
    yield from _crossed_records(given, roles, (*here, "roles"))
    trains = {**_mapping(given.get("training")), **_mapping(phase.get("training"))}
    only_judged = trains.get("epochs") == 0
    learns = any(_mapping(role).get("trainable") for role in roles.values())
    if roles and not learns and not only_judged:
        yield Fault((*here, "roles"), "no role learns; mark one with trainable: true")
    sets = {("losses",): phase.get("losses")} | {
        ("compare", str(name)): losses for name, losses in _mapping(phase.get("compare")).items()
    }
    for where, losses in sets.items():
        yield from _crossed_losses(losses, (*here, *where), roles, only_judged)


def _crossed_records(
    given: Mapping[str, Any], roles: Mapping[Any, Any], here: Path
) -> Iterator[Fault]:
    """Roles to be recorded that would answer differently at the next visit of a sample."""
    learning = {
        _mapping(role).get("network") for role in roles.values() if _mapping(role).get("trainable")
    }
    augment = _mapping(given.get("augment"))
    for name, role in roles.items():
        if _mapping(role).get("record") is not True:
            continue
        reasons = {
            "its network learns in this phase": _mapping(role).get("network") in learning,
            "the data are augmented; leave out augment": any(augment.values()),
            "encoder: rate draws its input anew each time": given.get("encoder") == "rate",
        }
        for reason, holds in reasons.items():
            if holds:
                text = "cannot be recorded, because it would not answer the same twice"
                yield Fault((*here, str(name), "record"), f"{text}: {reason}, or set record: false")


def _crossed_losses(
    losses: Any, here: Path, roles: Mapping[Any, Any], may_be_empty: bool
) -> Iterator[Fault]:
    seen: list[str] = []
    if losses == [] and not may_be_empty:
        yield Fault(here, "needs at least one loss")
    raw = losses if isinstance(losses, list) else []
    for number, given in ((n, part) for n, one in enumerate(raw) for part in expanded(one)):
        try:
            loss = read_loss(given)
        except ValidationError:
            continue  # its own faults are told where it is read
        path = (*here, number, loss.method)
        for seat in ("learner", "guide"):
            role = getattr(loss, seat)
            if role is not None and role not in roles:
                text = f"the {seat} is {role!r}, and there is no such role; {suggest(role, roles)}"
                yield Fault(path, text)
        if loss.name in seen:
            yield Fault(path, f"two losses are called {loss.name!r}; give one of them a `name:`")
        seen.append(loss.name)
