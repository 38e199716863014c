"""Weights from files that others made. Nothing is unpickled but tensors."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.normalized import Normalized
from spikedistill.teachers.states import Group, State, at_key, bare, different, groups, rank
from spikedistill.teachers.weight_file import open_states, some

Say = Callable[[str], object]
Place = TypeVar("Place", bound=State)

_log = logging.getLogger("spikedistill")


def load_weights(
    network: nn.Module, path: str | Path, key: str | None = None, say: Say | None = None
) -> None:
    """Load the weights of a file into a network, all of them or none.

    A checkpoint is searched for the set of weights that fits, by names and shapes. What wrappers
    put before every name (`module.`, `_orig_mod.`, `model.`) is taken off, and entries that lie
    beside the network's are left out. Counters of batches that norms keep may be missing.

    Args:
        network: any network; on an error it is left as it was. One that carries the normalisation
            of its input (`Normalized`) also takes the file of the network inside.
        path: see `read_weights`.
        key: which of several sets of weights is meant, as `model_ema` or `state_dict.student`;
            None: the one that fits. Where several do, the one at the customary place
            (`state_dict`, `model`, ...) is taken, and it is said.
        say: gets the sentences that a user should read; None: they are logged as warnings.

    Raises:
        SpikedistillError: if the file cannot be read, nothing in it fits the network, or several
            sets do and none of them is at a customary place. Of the set that comes closest the
            message counts what is missing, unexpected or of another shape, and names the first.

    Example:
        >>> load_weights(net, "epoch90.pth", key="model_ema")  # doctest: +SKIP
    """
    path, key = _file(path), key and bare(key)
    states = open_states(path)
    found = {network: groups(states, network)}
    if isinstance(network, Normalized):
        found[network.network] = groups(states, network.network)
    there = _at(path, [one for several in found.values() for one in several], key)
    for target, several in found.items():
        fitting = different([one for one in there if one.fits and one in several])
        if fitting:
            chosen, sentence = _choose(path, fitting, target, key)
            target.load_state_dict(chosen.tensors, strict=False)
            if sentence is not None:
                (say or _log.warning)(sentence)
            return
    closest = min(there, key=lambda one: (one.distance, rank(one.label)))
    raise _misfit(path, closest, *(one for one in found if closest in found[one]))


def read_weights(path: str | Path, key: str | None = None) -> dict[str, Tensor]:
    """Name -> tensor, from a safetensors, npz or torch file, or from a run folder.

    What a file is, is decided by its content. A torch file is read with `weights_only=True`:
    nothing in it is run, and objects beside the weights are left out. It may keep the weights
    under `state_dict`, `model` or any other name.

    Args:
        path: the file or run folder.
        key: where in a file of several sets the weights are, as `model_ema`; None: at the
            customary place.

    Raises:
        SpikedistillError: if the file is missing, damaged, of another kind, a torch pickle that
            calls itself .safetensors, holds objects and no weights, asks to call something by its
            name, or holds several sets of weights and none at a customary place.
    """
    path, key = _file(path), key and bare(key)
    states = _at(path, open_states(path), key)
    if len(states) > 1 and _strange(states[0], key):
        labels = [one.label for one in states]
        raise _unclear(path, f"{len(labels)} sets of weights", labels)
    return states[0].tensors


def _file(path: str | Path) -> Path:
    path = Path(path)
    if path.is_dir():
        path = path / "model.safetensors"
    if not path.exists():
        raise SpikedistillError(f"there is no weight file {path} (looked for at {path.absolute()})")
    return path


def _at(path: Path, places: list[Place], key: str | None) -> list[Place]:
    """Those at a key or below it."""
    if key is None:
        return places
    there = at_key((one.label for one in places), key)
    if not there:
        fit = [one.label for one in places if isinstance(one, Group) and one.fits]
        labels = fit or [one.label for one in places]
        raise SpikedistillError(
            f"{path} has no weights at the key {key!r}; it has them at {_listed(labels)}"
        )
    return [one for one in places if one.label in there]


def _strange(one: State, key: str | None) -> bool:
    """Whether a set is neither at the key that was asked for nor at a customary place."""
    return rank(one.label[len(key or "") :])[0] > 0


def _choose(
    path: Path, fitting: list[Group], network: nn.Module, key: str | None
) -> tuple[Group, str | None]:
    """One of the sets that fit, and what a user should know of the choice."""
    first, *others = fitting
    name = type(network).__name__
    if others:
        what = f"{len(fitting)} different sets of weights that fit {name}"
        labels = [one.label for one in fitting]
        if _strange(first, key):
            raise _unclear(path, what, labels)
        if key is None:
            return first, (
                f"{path} holds {what}; taken is {_listed(labels[:1])}, and not "
                f"{_listed(labels[1:])}. {_how(path, labels[1])}"
            )
    if first.beside and key is None:
        entries = "1 other entry" if len(first.beside) == 1 else f"{len(first.beside)} others"
        return first, (
            f"of {path} the entries below {first.label!r} are taken; {entries} "
            f"({some(list(first.beside))}) beside them, which {name} has no place for"
        )
    return first, None


def _unclear(path: Path, what: str, labels: list[str]) -> SpikedistillError:
    return SpikedistillError(
        f"{path} holds {what}, at {_listed(labels)}, and none of them is at a customary place. "
        f"{_how(path, labels[0])}"
    )


def _how(path: Path, key: str) -> str:
    return (
        f"Choose with weights: {{file: {path.name}, key: {key}}} in a recipe, or "
        f"load_weights(network, {path.name!r}, key={key!r})"
    )


def _misfit(path: Path, closest: Group, network: nn.Module) -> SpikedistillError:
    missing, unexpected, other = map(list, (closest.missing, closest.unexpected, closest.other))
    counts = {
        f"{len(missing)} of its {closest.wanted} entries are missing ({some(missing)})": missing,
        f"{len(unexpected)} entries of the file are not in the network "
        f"({some(unexpected)})": unexpected,
        f"{len(other)} have another shape ({some(other)})": other,
    }
    where = f" (at {closest.label!r}, which comes closest)" if closest.label else ""
    return SpikedistillError(
        f"{path}{where} does not fit {type(network).__name__}: "
        f"{'; '.join(sentence for sentence, names in counts.items() if names)}; is it a file of "
        "this architecture, depth and number of classes?"
    )


def _listed(labels: list[str]) -> str:
    return some([repr(label) if label else "its top" for label in dict.fromkeys(labels)], most=5)
