"""How long and how a phase is trained: every number a recipe's `training:` may set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal


@dataclass(frozen=True)
class Settings:
    """Budget, optimiser and schedule of a phase. Defaults suit a small spiking network.

    **Keys:**
    - epochs: how often every training image is seen.
    - batch_size: samples of a step.
    - optimizer: SGD or AdamW.
    - lr: the learning rate after warm-up.
    - momentum: of SGD; AdamW takes it as its first beta.
    - nesterov: of SGD.
    - weight_decay: factor.
    - decay: where: `weights`: not on norms, biases and single numbers; `all`: on everything, as
      SASTC's code.
    - schedule: of the learning rate: `cosine` to zero, `step`, or `constant`.
    - warmup: epochs over which the learning rate rises linearly from zero.
    - milestones: epochs at which the `step` schedule multiplies the learning rate by `gamma`.
    - gamma: see there.
    - clip: largest norm of the gradient of all parameters together.
    - ema: decay of a moving average of the weights, which is then what is evaluated and kept.
    - precision: `fp32`, `bf16` (autocast), or `auto`: bf16 where this machine computes it faster.
    - compile: what the compiler gets: the loops of the `neurons`, the whole `model` that learns
      (minutes before the first step), or nothing (`off`).
    - checkpoint: what is not kept for the backward pass but computed again in it, with the same
      result: `spikes` of compiled neurons; `stage`: all but the inputs of the blocks, for a second
      forward pass; `off`.
    - workers: processes that load samples of data sets that do not fit in memory.
    - save_every: seconds between checkpoints within an epoch.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    epochs: int = 30
    batch_size: int = 128
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 5e-4
    decay: Literal["weights", "all"] = "weights"
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    warmup: float = 0.0
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    clip: float | None = None
    ema: float | None = None
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: Literal["neurons", "model", "off"] = "neurons"
    checkpoint: Literal["off", "spikes", "stage"] = "spikes"
    workers: int = 0
    save_every: float = 120.0

    @property
    def fires_again(self) -> bool:
        """Whether the forward pass of a step belongs into `functional.recall.fired_again`."""
        return self.checkpoint == "spikes" and self.compile == "neurons"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not self.lr > 0:
            raise ValueError(f"lr must be above 0, not {self.lr}")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay must be 0 or more, not {self.weight_decay}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be from 0 to below 1, not {self.momentum}")
        if self.schedule == "step" and not self.milestones:
            raise ValueError("schedule: step needs milestones, for example [150, 180, 210]")
        if self.compile == "model" and self.checkpoint == "stage":
            raise ValueError(
                "compile: model and checkpoint: stage both decide what is kept for the backward "
                "pass; choose one of them"
            )
        if self.ema is not None and not 0 < self.ema < 1:
            raise ValueError(f"ema is a decay between 0 and 1, not {self.ema}")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip is a gradient norm above 0, not {self.clip}")
