"""What a network must know of the data: one example, its classes, its normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spikedistill.build.data import task_of
from spikedistill.core.answers import Wanted
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.tree import Inputs, first, mapped
from spikedistill.data import DataSet, Loader, length

EXAMPLES = 16
"""Samples of the example."""
_ONE = ""
"""The name, in JSON, of a tensor that has none."""


@dataclass(frozen=True)
class Facts:
    """What a network must know of the data."""

    example: Inputs
    """A raw batch, `[B, ...]`; zeros where the data are not at hand."""
    classes: int | None
    """K, where targets are classes."""
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    axes: int | None = None
    """Of the scores of a classification, `[N, ..., K]`; None for any other task."""

    @classmethod
    def of(cls, data: DataSet) -> Facts:
        """The facts of a data set."""
        size = min(EXAMPLES, length(data.train))
        batch = next(Loader(data.train, size, collate=data.how).epoch(0))
        axes = _axes(batch.targets) if task_of(data).classifies else None
        return cls(batch.inputs, len(data.classes) or None, data.mean, data.std, axes)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Facts:
        """The facts as JSON kept them, with zeros for an example."""
        if "shape" in plain:  # of a run before inputs had names: images
            forms = {_ONE: {"shape": plain["shape"], "dtype": "float32"}}
        else:
            forms = plain["inputs"]
        made = {
            name: torch.zeros(2, *form["shape"], dtype=getattr(torch, form["dtype"]))
            for name, form in forms.items()
        }
        mean, std = (plain.get(name) and tuple(plain[name]) for name in ("mean", "std"))
        return cls(made.get(_ONE, made), plain["classes"], mean, std, plain.get("axes"))

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        named = self.example if isinstance(self.example, Mapping) else {_ONE: self.example}
        forms = {
            name: {"shape": list(value.shape[1:]), "dtype": str(value.dtype).removeprefix("torch.")}
            for name, value in named.items()
        }
        return {
            "classes": self.classes,
            "inputs": forms,
            "mean": self.mean and list(self.mean),
            "std": self.std and list(self.std),
            "axes": self.axes,
        }

    @property
    def wanted(self) -> Wanted | None:
        """What a network must answer; None where that is not known."""
        return Wanted(self.classes, self.axes) if self.classes and self.axes else None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs; one empty name for a single tensor."""
        return tuple(self.example) if isinstance(self.example, Mapping) else (_ONE,)

    @property
    def one_step(self) -> Inputs:
        """The example as networks see it in one step: every frame of a recording counts as one."""
        return mapped(one_by_one, self.example)

    def normalised(self, channels: int) -> str:
        """Which of several inputs has so many channels to normalise; empty for a single tensor.

        Raises:
            SpikedistillError: if none has.
        """
        if not isinstance(self.example, Mapping):
            return ""
        for name, value in self.example.items():
            if value.is_floating_point() and value.ndim > 1 and value.shape[1] == channels:
                return name
        raise SpikedistillError(
            f"the data have a mean of {channels} channels, and none of their inputs "
            f"({', '.join(self.example)}) has as many; give one mean for each channel, or none"
        )

    @property
    def channels(self) -> int | None:
        """C of images `[C, H, W]` and of signals `[C, L]`, D of vectors; None for whole numbers."""
        value = first(self.one_step)
        return value.shape[1] if value.is_floating_point() and value.ndim > 1 else None


def _axes(targets: Any) -> int | None:
    """Axes of the scores for these targets: classes, or a share for each class."""
    if not isinstance(targets, Tensor):
        return None
    return targets.ndim if targets.is_floating_point() else targets.ndim + 1


def one_by_one(inputs: Tensor) -> Tensor:
    """Frames `[B, T, C, H, W]` as images `[B * T, C, H, W]`; all else as it is."""
    return inputs.flatten(0, 1) if inputs.ndim == 5 else inputs
