"""What values are as spikes: units of what the neurons before them send."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from spikedistill.core.clock import SPIKES, Alphabet
from spikedistill.costs._counting import are_spikes
from spikedistill.costs._counting import counted as spikes_at


@dataclass(frozen=True)
class Code:
    """What a layer of neurons sends: its alphabet and the height of one spike."""

    alphabet: Alphabet = SPIKES
    height: float | Tensor = 1.0

    def units(self, values: Tensor) -> int | None:
        """How many spikes the values are; None where they are not of the alphabet.

        Sums of integers are integers, so only spikes or silence are held to their one value.
        """
        plain = isinstance(self.height, float) and self.height == 1.0
        if self.alphabet.binary and plain:
            return int(spikes_at(values).sum()) if are_spikes(values) else None
        numbers = values if plain else values / self.height
        whole = numbers.round()
        if not torch.allclose(numbers, whole, rtol=0.0, atol=1e-4):
            return None
        if self.alphabet.binary and not are_spikes(whole):
            return None
        if self.alphabet.low >= 0 and bool((whole < 0).any()):
            return None
        return int(whole.abs().double().sum())


@dataclass
class Codes:
    """The codes of all neurons that have run, the last of them tried first.

    A value comes from some of them, and not always from those that ran last: a shortcut carries
    the spikes of an earlier layer, which may have another height.
    """

    seen: list[Code] = field(default_factory=lambda: [Code()])

    def add(self, code: Code) -> None:
        """Neurons have run that send this."""
        same = [one for one in self.seen if one is code or _alike(one, code)]
        for one in same:
            self.seen.remove(one)
        self.seen.append(code)

    def units(self, values: Tensor) -> int | None:
        """How many spikes the values are; None where no neurons send such values."""
        found = (code.units(values) for code in reversed(self.seen))
        return next((units for units in found if units is not None), None)


def _alike(one: Code, other: Code) -> bool:
    if isinstance(one.height, Tensor) or isinstance(other.height, Tensor):
        return one.height is other.height and one.alphabet == other.alphabet
    return one == other
