"""Options of neurons: read from what a recipe says, refused with a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields

from spikedistill.core.errors import SpikedistillError, suggest
from spikedistill.functional.surrogate import SURROGATES, Surrogate

SurrogateLike = Surrogate | str | Mapping[str, Mapping[str, float] | None]
"""A surrogate, its name, or `{name: {option: value}}`."""


def as_surrogate(value: SurrogateLike) -> Surrogate:
    """The surrogate that is meant.

    Raises:
        SpikedistillError: if there is none of that name, or it has no such option.

    Example:
        >>> as_surrogate("atan")
        ATan(alpha=2.0)
        >>> as_surrogate({"triangle": {"gamma": 0.5}})
        Triangle(gamma=0.5)
    """
    if isinstance(value, Surrogate):
        return value
    if isinstance(value, str):
        value = {value: {}}
    if len(value) != 1:
        raise SpikedistillError(
            f"a surrogate is one name with its options, as in {{atan: {{alpha: 2.0}}}}; "
            f"this one has {len(value)} names: {', '.join(map(str, value)) or 'none'}"
        )
    ((name, options),) = value.items()
    if name not in SURROGATES:
        raise SpikedistillError(f"there is no surrogate {name!r}; {suggest(name, SURROGATES)}")
    known = [field.name for field in fields(SURROGATES[name])]
    for option in options or {}:
        if option not in known:
            raise SpikedistillError(
                f"the surrogate {name} has no option {option!r}; {suggest(option, known)}"
            )
    return SURROGATES[name](**{key: float(number) for key, number in (options or {}).items()})


def check_threshold(neuron: str, v_threshold: float, v_reset: float | None) -> None:
    """Refuse a threshold that is not a positive number, or a reset that is not below it.

    Raises:
        SpikedistillError: if so.
    """
    if not 0 < v_threshold < math.inf:
        raise SpikedistillError(
            f"{neuron}(v_threshold={v_threshold}) cannot fire sensibly; "
            "the threshold must be a positive number (usually 1.0)"
        )
    if v_reset is not None and not -math.inf < v_reset < v_threshold:
        raise SpikedistillError(
            f"{neuron}(v_reset={v_reset}) does not lie below the threshold {v_threshold}, so a "
            "neuron would fire for ever; give a lower v_reset, or None for soft reset"
        )


def check_tau(neuron: str, tau: float, allowed: str = ">= 1") -> None:
    """Refuse a membrane constant in time steps outside what is `allowed`.

    Raises:
        SpikedistillError: if so.
    """
    good = tau >= 1 if allowed == ">= 1" else 1 < tau < math.inf
    if not good:
        raise SpikedistillError(
            f"{neuron}(tau={tau}) is no membrane constant (a potential keeps 1 - 1/tau of itself "
            f"in a step); tau is in time steps and must be {allowed}"
        )
