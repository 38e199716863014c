"""What a network answers, in whatever form its forward returns it."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor, nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.tree import Inputs

LOGITS = "logits"
"""Where one of several outputs has this name, it is the answer."""
CHOSEN = "answer_key"
"""Attribute by which a network says which of its outputs was found to be the answer.

The place in a tuple or the name; a copy, a twin and whoever runs the network keep to it."""


@dataclass(frozen=True)
class Wanted:
    """What the answer of a classification looks like, `[N, ..., K]`."""

    classes: int
    """K."""
    axes: int = 2
    """How many there are, N among them."""

    def fits(self, value: Any) -> bool:
        """Whether an output may be the scores of the classes."""
        if not isinstance(value, Tensor) or value.ndim != self.axes:
            return False
        return value.shape[-1] == self.classes

    def __str__(self) -> str:
        """Its shape, as a message has it."""
        return f"[N, {'..., ' if self.axes > 2 else ''}{self.classes}]"


def answer_of(returned: Any, network: nn.Module | str = "the network") -> tuple[Inputs, str]:
    """The outputs that count, and in words which of all they are.

    A tensor is the answer. Of several outputs it is the one that was chosen for the network
    (`choose`). Without a choice it is `.logits` of an object, the key `logits` of a mapping, and
    the first of a tuple or list; any other mapping of tensors is several outputs by name. Outputs
    by name stay so, the chosen one first.

    Args:
        returned: what the forward of a network returned.
        network: the network, or how a message calls it.

    Returns:
        A tensor or a mapping of tensors, and words such as "the first of 2 outputs"; no words
        where there is nothing to choose.

    Raises:
        SpikedistillError: if it is not clear which of the outputs are the logits.

    Example:
        >>> import torch
        >>> answer_of((torch.zeros(2, 10), {"features": []}))[1]
        'the first of 2 outputs'
    """
    if isinstance(returned, Tensor):
        return returned, ""
    parts, chosen = _parts(returned), getattr(network, CHOSEN, None)
    if isinstance(parts.get(chosen), Tensor):
        return _beside(returned, chosen, parts), _words(returned, chosen, parts)
    usual = _usual(returned, parts)
    if isinstance(returned, Mapping) and usual != LOGITS:
        if parts and all(isinstance(value, Tensor) for value in parts.values()):
            return cast("Mapping[str, Tensor]", returned), ""
    elif usual is not None:
        return parts[usual], _words(returned, usual, parts)
    name = network if isinstance(network, str) else type(network).__name__
    raise SpikedistillError(
        f"{name} returns {_kind(returned)}, of which it is not clear what the logits are; let "
        f"it return them alone, first of a tuple, or under the name {LOGITS!r}"
    )


def choose(returned: Any, wanted: Wanted, network: nn.Module) -> None:
    """Note on a network which of several outputs are the scores of the classes.

    The usual one (see `answer_of`) if it has their form, else the only one that has.

    Args:
        returned: what its forward returned.
        wanted: the form of the scores.
        network: gets an attribute, to which `answer_of` keeps.

    Raises:
        SpikedistillError: if none or several have that form; the shapes of all are in the message.
    """
    parts = _parts(returned)
    several = [one for one in parts.values() if _holds(one)]
    if len(several) < 2 or not any(isinstance(one, Tensor) for one in several):
        if hasattr(network, CHOSEN):
            delattr(network, CHOSEN)
        return
    fitting = [key for key, value in parts.items() if wanted.fits(value)]
    usual = _usual(returned, parts)
    if usual not in fitting and len(fitting) != 1:
        shown = ", ".join(f"{_called(key)} {_form(one)}" for key, one in parts.items())
        raise SpikedistillError(
            f"{type(network).__name__} returns several outputs ({shown}), of which it is not clear "
            f"what the logits are: {len(fitting) or 'none'} of them have the form {wanted} of "
            f"scores of the {wanted.classes} classes; let it return them alone, first of a tuple, "
            f"or under the name {LOGITS!r}. If the classes are more, say how many where the data "
            "come from (classes)"
        )
    setattr(network, CHOSEN, usual if usual in fitting else fitting[0])


def _parts(returned: Any) -> dict[Any, Any]:
    """The outputs by their name, or by their place in a tuple."""
    if isinstance(returned, Mapping):
        return dict(cast("Mapping[Any, Any]", returned))
    if isinstance(returned, tuple | list):
        return dict(enumerate(cast("Any", returned)))
    parts = dict(getattr(returned, "__dict__", {}))
    logits = getattr(returned, LOGITS, None)
    return parts | ({LOGITS: logits} if isinstance(logits, Tensor) else {})


def _usual(returned: Any, parts: Mapping[Any, Any]) -> Any:
    """The key of the output that is the answer where nothing else is known; None: not clear."""
    if isinstance(parts.get(LOGITS), Tensor):
        return LOGITS
    if isinstance(returned, tuple | list):
        named: tuple[str, ...] = getattr(returned, "_fields", ())
        place = named.index(LOGITS) if LOGITS in named else 0
        return next((key for key in (place, 0) if isinstance(parts.get(key), Tensor)), None)
    first = next(iter(parts), None) if isinstance(returned, Mapping) else None
    return first if isinstance(parts.get(first), Tensor) else None


def _beside(returned: Any, chosen: Any, parts: Mapping[Any, Any]) -> Inputs:
    """The chosen output; of outputs by name it is the first, and those of as many rows follow."""
    answer: Tensor = parts[chosen]
    if not isinstance(returned, Mapping) or chosen == LOGITS:
        return answer
    rows = answer.shape[:1]
    named = {key: one for key, one in parts.items()
             if isinstance(one, Tensor) and one.shape[:1] == rows}  # fmt: skip
    return {chosen: answer} | named


def _words(returned: Any, key: Any, parts: Mapping[Any, Any]) -> str:
    """Which of all outputs is taken."""
    if isinstance(returned, Mapping):
        others = ", ".join(str(name) for name in parts if name != key)
        return f"the output {key!r} (beside {others})" if others else ""
    named: tuple[str, ...] = getattr(returned, "_fields", ())
    if isinstance(key, int) and key < len(named):
        key = named[key] if named[key] == LOGITS or key else key
    if isinstance(key, int):
        return f"{_called(key)} of {len(parts)} outputs"
    return f".{key} of its {type(returned).__name__}"


def _called(key: Any) -> str:
    if not isinstance(key, int):
        return str(key)
    return "the first" if key == 0 else f"number {key + 1}"


def _holds(value: Any) -> bool:
    """Whether anything is there at all."""
    return value is not None and not (isinstance(value, Sized) and not isinstance(value, Tensor)
                                      and not len(value))  # fmt: skip


def _form(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{['N', *value.shape[1:]]}".replace("'N'", "N") if value.ndim else "[]"
    return type(value).__name__


def _kind(returned: Any) -> str:
    name = type(returned).__name__
    if isinstance(returned, Mapping):
        named = cast("Mapping[str, Any]", returned)
        inside = ", ".join(f"{key} ({type(value).__name__})" for key, value in named.items())
        return f"a mapping with {inside or 'nothing'}"
    if isinstance(returned, tuple | list):
        several = list(cast("Any", returned))
        inside = ", ".join(type(value).__name__ for value in several)
        return f"a {name} of {inside or 'nothing'}"
    return f"a {name}"
