"""What a network looks like on this task, known before training from one dry run."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import nn

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.speech import remedy


@dataclass(frozen=True)
class Spec:
    """The face that a role shows to a loss at construction: names, shapes and counts.

    A loss sizes its own layers from specs and refuses impossible pairs by them, so that after its
    constructor it is complete: its parameters exist and nothing is discovered in the first batch.
    """

    role: str
    """Name of the role, as error messages say it."""
    timesteps: int
    """T, the steps that the role runs."""
    batch_size: int
    """B of the dry run: the per-process batch."""
    classes: int
    """K, the last axis of the outputs."""
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    """Shape of every declared tap, `(T, B, ...)`."""
    network: nn.Module | None = field(default=None, repr=False, compare=False)
    """The network itself, borrowed: a loss may read it and never registers or runs it."""
    outputs: tuple[int, ...] = ()
    """Shape of the outputs, `(T, B, ..., K)`."""
    spiking: bool = False
    """Whether the network has neurons."""
    classifier: str | None = None
    """Path of the layer whose outputs the network returns; None where none does."""
    class_counts: tuple[int, ...] = ()
    """How many training samples each of the K classes has; empty where that is not known."""

    def select(self, *patterns: str) -> tuple[str, ...]:
        """Declared taps that match the shell patterns, in the order of declaration.

        Raises:
            SpikedistillError: if a pattern matches nothing; the message lists the declared taps.
        """
        chosen: list[str] = []
        for pattern in patterns:
            matches = [name for name in self.shapes if fnmatch.fnmatchcase(name, pattern)]
            if not matches:
                raise SpikedistillError(
                    f"no tap of the {self.role} matches {pattern!r}; it declares: "
                    f"{summary(tuple(self.shapes))}. {self._naming(pattern)}"
                )
            chosen += [name for name in matches if name not in chosen]
        return tuple(chosen)

    def _naming(self, pattern: str) -> str:
        """How the network gets a tap of that name."""
        name = pattern.replace("[0-9]", "1").replace("*", "1")
        own = f"network.taps = {{{name!r}: 'path.of.a.module'}}"
        how = remedy(f"in a recipe by the `taps` of its network, in Python by {own}",
                     f"by {self.role}_taps={{{name!r}: 'path.of.a.module'}}")  # fmt: skip
        return f"Name a module that it should stand for, {how}, or choose another loss"

    def shape(self, tap: str) -> tuple[int, ...]:
        """Shape `(T, B, ...)` of one declared tap.

        Raises:
            ValueError: if the network declares no such tap.
        """
        if tap not in self.shapes:
            raise ValueError(
                f"the {self.role} declares no tap {tap!r}; it declares: "
                f"{summary(tuple(self.shapes))}"
            )
        return self.shapes[tap]

    def channels(self, tap: str) -> int:
        """Channels C of one declared tap (`[T, B, C, ...]`)."""
        shape = self.shape(tap)
        if len(shape) < 3:
            raise ValueError(f"tap {tap!r} of the {self.role} has no channel axis: {shape}")
        return shape[2]

    def width(self, tap: str) -> int:
        """Size of the feature axis of one declared tap, whatever its rank.

        C of maps `[T, B, C, H, W]`; D of vectors `[T, B, D]` and of tokens `[T, B, L, D]`.
        """
        shape = self.shape(tap)
        if len(shape) < 3:
            raise ValueError(f"tap {tap!r} of the {self.role} has no feature axis: {shape}")
        return shape[2] if len(shape) > 4 else shape[-1]

    def grid(self, tap: str) -> tuple[int, ...]:
        """Spatial size of one declared tap, `(H, W)` for `[T, B, C, H, W]`."""
        return self.shape(tap)[3:]


def summary(names: Sequence[str]) -> str:
    """A list of names for a message, numbered families folded: `spikes1 ... spikes18`."""
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(name.rstrip("0123456789"), []).append(name)
    parts = [
        ", ".join(family) if len(family) <= 4 else f"{family[0]} ... {family[-1]}"
        for family in families.values()
    ]
    return ", ".join(parts) or "none"
