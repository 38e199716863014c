"""What is known of a published data set without its files; the `published` of a data set's file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """Classes, shape and official splits of a data set, as its authors publish it."""

    classes: int
    shape: tuple[int, int, int]
    """C, H, W."""
    train: int
    test: int
    timesteps: int | None = None
    """T, for recordings of event cameras, where their options do not say another."""
