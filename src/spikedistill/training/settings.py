"""How long and how a phase is trained: every number a recipe's `training:` may set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field


@dataclass(frozen=True)
class Settings:
    """Budget, optimiser and schedule of a phase. Defaults suit a small spiking network."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    epochs: Annotated[int, Field(description="how often every training image is seen")] = 30
    batch_size: Annotated[int, Field(description="samples of a step")] = 128
    accumulate: Annotated[
        int,
        Field(
            description="batches whose gradients make one step of the optimiser: as one batch of "
            "all their samples, in the memory of one; norms and losses that compare samples see "
            "the small batches"
        ),
    ] = 1
    optimizer: Annotated[Literal["sgd", "adamw"], Field(description="SGD or AdamW")] = "sgd"
    lr: Annotated[float, Field(description="the learning rate after warm-up")] = 0.1
    momentum: Annotated[float, Field(description="of SGD; AdamW takes it as its first beta")] = 0.9
    nesterov: Annotated[bool, Field(description="of SGD")] = False
    weight_decay: Annotated[float, Field(description="factor")] = 5e-4
    decay: Annotated[
        Literal["weights", "all"],
        Field(
            description="where: `weights`: not on norms, biases and single numbers; `all`: on "
            "everything, as SASTC's code"
        ),
    ] = "weights"
    schedule: Annotated[
        Literal["cosine", "step", "constant"],
        Field(description="of the learning rate: `cosine` to zero, `step`, or `constant`"),
    ] = "cosine"
    warmup: Annotated[
        float, Field(description="epochs over which the learning rate rises linearly from zero")
    ] = 0.0
    milestones: Annotated[
        tuple[int, ...],
        Field(
            description="epochs at which the `step` schedule multiplies the learning rate by "
            "`gamma`"
        ),
    ] = ()
    gamma: Annotated[float, Field(description="see there")] = 0.1
    clip: Annotated[
        float | None, Field(description="largest norm of the gradient of all parameters together")
    ] = None
    ema: Annotated[
        float | None,
        Field(
            description="decay of a moving average of the weights, which is then what is "
            "evaluated and kept"
        ),
    ] = None
    precision: Annotated[
        Literal["auto", "fp32", "bf16"],
        Field(
            description="`fp32`, `bf16` (autocast), or `auto`: bf16 where this machine computes "
            "it faster"
        ),
    ] = "auto"
    compile: Annotated[
        Literal["neurons", "model", "off"],
        Field(
            description="what the compiler gets: the loops of the `neurons`, the whole `model` "
            "that learns (minutes before the first step), or nothing (`off`)"
        ),
    ] = "neurons"
    checkpoint: Annotated[
        Literal["off", "spikes", "stage"],
        Field(
            description="what is not kept for the backward pass but computed again in it, with "
            "the same result: `spikes` of compiled neurons; `stage`: all but the inputs of the "
            "blocks, for a second forward pass; `off`"
        ),
    ] = "spikes"
    workers: Annotated[
        int, Field(description="processes that load samples of data sets that do not fit in memory")
    ] = 0
    save_every: Annotated[
        float, Field(description="seconds between checkpoints within an epoch")
    ] = 120.0
    track: Annotated[
        tuple[str, ...] | str,
        Field(
            description="trackers that get the numbers of every epoch, `tensorboard` or a list of "
            "accelerate's names; files lie in `tracked` of the run folder, for `tensorboard "
            "--logdir`. Needs `pip install spikedistill[track]`; only TensorBoard is tested"
        ),
    ] = ()

    @property
    def fires_again(self) -> bool:
        """Whether the forward pass of a step belongs into `functional.recall.fired_again`."""
        return self.checkpoint == "spikes" and self.compile == "neurons"

    def __post_init__(self) -> None:
        if isinstance(self.track, str):
            object.__setattr__(self, "track", (self.track,))
        for name, least in (("epochs", 0), ("batch_size", 1), ("accumulate", 1)):
            value: object = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise ValueError(f"{name} must be a whole number, not {value!r}")
            if value < least:
                raise ValueError(f"{name} must be at least {least}, not {value}")
        if not self.lr > 0:
            raise ValueError(f"lr must be above 0, not {self.lr}")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay must be 0 or more, not {self.weight_decay}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be from 0 to below 1, not {self.momentum}")
        if self.schedule == "step" and not self.milestones:
            raise ValueError("schedule: step needs milestones, for example [150, 180, 210]")
        if self.warmup < 0 or self.warmup > self.epochs > 0:
            raise ValueError(
                f"warmup is 0 or more and at most all {self.epochs} epochs, not {self.warmup:g}, "
                "in which the learning rate would never be reached"
            )
        if self.compile == "model" and self.checkpoint == "stage":
            raise ValueError(
                "compile: model and checkpoint: stage both decide what is kept for the backward "
                "pass; choose one of them"
            )
        if self.ema is not None and not 0 < self.ema < 1:
            raise ValueError(f"ema is a decay between 0 and 1, not {self.ema}")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip is a gradient norm above 0, not {self.clip}")
