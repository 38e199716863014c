"""What a person sees while a network trains: a bar, and a line for what is done."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from spikedistill.core.row import main_score


class Silent:
    """Shows nothing; the base of what does."""

    def __enter__(self) -> Silent:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def begin(self, title: str, epochs: int, steps: int, done: int) -> None:
        """A training of `epochs` times `steps` steps starts, `done` of them already taken."""

    def step(self, epoch: int, parts: dict[str, float], samples: int) -> None:
        """One step was taken; `parts` are the mean losses of the epoch so far."""

    def epoch(self, row: dict[str, Any]) -> None:
        """An epoch is over; `row` is its line of metrics."""

    def say(self, text: str) -> None:
        """A sentence that the user should read."""

    def end(self) -> None:
        """The training that began last is over."""


class Live(Silent):
    """Bars in a terminal; plain lines, one an epoch, where there is none.

    Args:
        console: where to write; default the terminal's standard error.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.bar: Progress | None = None
        self.task: TaskID | None = None

    def __exit__(self, *error: object) -> None:
        self.end()

    def begin(self, title: str, epochs: int, steps: int, done: int) -> None:
        """Start the bar of one training."""
        self.end()
        self.title, self.epochs, self.seen, self.clock = title, epochs, 0, time.perf_counter()
        if not self.console.is_terminal:
            return
        self.bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(compact=True),
            console=self.console,
            transient=True,
        )
        self.task = self.bar.add_task(title, total=epochs * steps, completed=done, text="")
        self.bar.start()

    def step(self, epoch: int, parts: dict[str, float], samples: int) -> None:
        """Advance the bar."""
        if self.bar is None or self.task is None:
            return
        self.seen += samples
        rate = self.seen / (time.perf_counter() - self.clock)
        losses = "  ".join(f"{name} {value:.3f}" for name, value in parts.items())
        text = f"epoch {epoch + 1}/{self.epochs}  {losses}  {_count(rate)} samples/s"
        self.bar.update(self.task, advance=1, text=text)

    def epoch(self, row: dict[str, Any]) -> None:
        """Print the line of one epoch; of a long training, of every tenth part."""
        if row["epoch"] % max(self.epochs // 10, 1) and row["epoch"] != self.epochs:
            return
        losses = "  ".join(f"{name} {value:.3f}" for name, value in row["losses"].items())
        parts = [f"{self.title}  epoch {row['epoch']:>3}/{self.epochs}", losses]
        if row.get("train_accuracy") is not None:
            parts.append(f"train {row['train_accuracy']:.1f} %")
        if row.get("valid"):
            parts.append(_score(row["valid"]))
            if row["valid"].get("firing_rate") is not None:
                parts.append(f"rate {row['valid']['firing_rate']:.3f}")
        parts.append(f"{_count(row['samples_per_second'])} samples/s")
        self.say("  ".join(part for part in parts if part))

    def say(self, text: str) -> None:
        """Print a sentence above the bar."""
        (self.bar.console if self.bar else self.console).print(text, highlight=False, markup=False)

    def end(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()
        self.bar = self.task = None


def _count(value: float) -> str:
    return f"{value / 1000:.1f}k" if value >= 1000 else f"{value:.0f}"


def _score(seen: dict[str, Any]) -> str:
    """The main metric of a split after all steps."""
    value = main_score(seen)
    metric, unit = seen.get("metric", "accuracy"), seen.get("unit", "%")
    if value is None:
        return ""
    if metric == "accuracy":
        return f"valid {value:.1f} %"
    return f"valid {metric} {value:.4g} {unit}".strip()
