"""How good a network is after 1, 2, ..., T steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

from spikedistill.core.clock import Temporal
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.metric import Metric
from spikedistill.core.trace import Batch, Trace
from spikedistill.data import Loader, collate_sequences, encoder
from spikedistill.functional.compiled import compiling
from spikedistill.metrics.accuracy import Accuracy
from spikedistill.neurons.lif import LIF
from spikedistill.training.evaluate import Evaluation, evaluate


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """A few steps of small layers are not worth compiling."""
    with compiling(False):
        yield


# Two samples of three frames, each a row of two numbers. Summed over the first steps, the first
# sample says class 0, 0, 1 and is of class 1; the second says 0, 1, 0 and is of class 0.
FRAMES = torch.tensor([[[3.0, 0], [0, 1], [0, 5]], [[1.0, 0], [0, 2], [5, 0]]])
TARGETS = torch.tensor([1, 0])
CURVE = [50.0, 0.0, 100.0]


def loader(targets: Tensor = TARGETS, batch_size: int = 1) -> Loader:
    return Loader(TensorDataset(FRAMES[:, :, None, None], targets), batch_size)


class Ahead(Temporal):
    """Every step sees the mean of all, as where parameters are shared over time."""

    causal = False

    def forward(self, x: Tensor) -> Tensor:
        steps = self.unfold(x)
        return steps.mean(0).expand_as(steps).flatten(0, 1)


class Counted(nn.Sequential):
    """Remembers for how many rows it was called."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(nn.Flatten(), *layers)
        self.rows: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.rows.append(len(x))
        return super().forward(x)


def judged(network: nn.Module, batch_size: int = 1, **options: Any) -> Evaluation:
    return evaluate(network, loader(batch_size=batch_size), 3, encoder=encoder("frames"), **options)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_a_causal_network_is_run_once_and_stopped_after_every_step(batch_size: int) -> None:
    network = Counted()
    seen = judged(network, batch_size)
    assert seen.scores == {"accuracy": CURVE} and seen.curve == CURVE and seen.score == 100.0
    assert network.rows == [3 * batch_size] * (2 // batch_size)
    assert (seen.samples, seen.metric, seen.unit, seen.notes) == (2, "accuracy", "%", ())


def test_one_that_looks_ahead_is_run_again_for_fewer_steps() -> None:
    """Its first steps already know the last: stopped early they would be right on everything."""
    network = Counted(Ahead())
    seen = judged(network)
    assert seen.curve == CURVE
    assert network.rows == [3, 3, 1, 1, 2, 2]
    assert (seen.samples, seen.notes) == (2, ())


def test_where_it_cannot_be_run_for_fewer_steps_nothing_is_said() -> None:
    layer = Ahead()
    layer.exactly = 3
    network = Counted(layer)
    seen = judged(network, metrics=(Accuracy, Error01))
    assert seen.scores == {"accuracy": [None, None, 100.0], "wrong": [None, None, 0.0]}
    assert network.rows == [3, 3] and seen.score == 100.0
    assert seen.notes == (
        "The network cannot be run for T' = 1, 2, so nothing is said of it there.",
    )


def test_a_causal_network_made_for_exactly_t_steps_is_stopped_all_the_same() -> None:
    layer = LIF()
    layer.exactly = 3
    assert len(judged(Counted(layer)).curve) == 3 and None not in judged(Counted(layer)).curve


class Error01(Metric):
    """Percent of wrong answers."""

    name = "wrong"
    higher_is_better = False

    def __init__(self) -> None:
        self.inner = Accuracy()

    def update(self, answer: Trace, batch: Batch) -> None:
        self.inner.update(answer, batch)

    def value(self) -> float:
        return 100 - self.inner.value()


def test_several_metrics_of_which_the_first_is_the_main_one() -> None:
    seen = judged(Counted(), metrics=(Error01, Accuracy))
    assert seen.scores == {"wrong": [50.0, 100.0, 0.0], "accuracy": CURVE}
    assert (seen.metric, seen.higher_is_better, seen.score) == ("wrong", False, 0.0)
    assert seen.better(None) and seen.better(1.0)
    assert not seen.better(0.0) and not seen.better(-1.0)
    assert judged(Counted()).better(99.0) and not judged(Counted()).better(100.0)
    row = seen.row()
    assert (row["metric"], row["unit"], row["samples"]) == ("wrong", "%", 2)
    assert row["scores"] == seen.scores and row["firing_rate"] is None and row["rates"] == {}


def test_where_nothing_judges_the_network_is_looked_at_all_the_same() -> None:
    seen = judged(Counted(LIF(v_threshold=0.9)), metrics=())
    assert (seen.scores, seen.metric, seen.curve, seen.score) == ({}, "", [], None)
    assert seen.samples == 2 and seen.firing_rate is not None and not seen.better(None)
    # six of the twelve numbers are above the threshold, the others are 0
    assert seen.firing_rate == pytest.approx(6 / 12)


def test_what_looks_ahead_fires_once_for_all_steps() -> None:
    """Firing is that of the run of T steps alone, however often the network is run again."""
    network = Counted(LIF(v_threshold=0.9), Ahead())
    assert judged(network).firing_rate == pytest.approx(6 / 12)
    assert len(network.rows) == 6


class Height(Metric):
    """The largest value of a tap."""

    name, unit = "height", ""
    needs: ClassVar[tuple[str, ...]] = ("spikes1",)

    def __init__(self) -> None:
        self.seen: list[float] = []

    def update(self, answer: Trace, batch: Batch) -> None:
        self.seen.append(float(answer["spikes1"].sum()))

    def value(self) -> float:
        return sum(self.seen)


def test_a_metric_sees_the_taps_that_it_needs() -> None:
    seen = judged(Counted(LIF(v_threshold=0.9)), metrics=(Height,))
    assert seen.scores == {"height": [2.0, 4.0, 6.0]} and seen.unit == ""
    network = Counted()
    with pytest.raises(SpikedistillError, match="'height' looks at the tap 'spikes1', which Count"):
        judged(network, metrics=(Height,))
    assert not any(module._forward_hooks for module in network.modules())


class Refusing(Height):
    """Cannot judge."""

    def update(self, answer: Trace, batch: Batch) -> None:
        raise SpikedistillError("such answers are not for me")


def test_a_metric_that_refuses_leaves_nothing_behind() -> None:
    network = Counted(LIF(v_threshold=0.9))
    with pytest.raises(SpikedistillError, match="not for me"):
        judged(network, metrics=(Refusing,))
    assert not any(module._forward_hooks for module in network.modules())


class Sequences(Dataset[Any]):
    """One position that fires and is of class 0; four that do not, half of class 1."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[Tensor, list[int]]:
        return (torch.zeros(4, 2), [1, 1, 0, 0]) if index else (torch.full((1, 2), 2.0), [0])


def test_padded_positions_neither_answer_nor_fire() -> None:
    network = nn.Sequential(LIF(), nn.Linear(2, 2))
    nn.init.zeros_(network[1].weight)
    network[1].bias.data = torch.tensor([1.0, 0.0])  # class 0 everywhere
    found = evaluate(network, Loader(Sequences(), 2, collate=collate_sequences), 2)
    assert found.curve == [60.0, 60.0] and found.samples == 2
    # the one position of the first sample fires at both steps, the four of the second never
    assert found.firing["0"].rate == pytest.approx(1 / 5)


def test_answers_that_are_no_numbers_are_refused() -> None:
    class Broken(nn.Module):
        """Not finite from the second step of the second sample on."""

        def forward(self, x: Tensor) -> Tensor:
            return torch.where(x.flatten(1) == 2, torch.nan, x.flatten(1))

    with pytest.raises(SpikedistillError) as caught:
        judged(Broken(), batch_size=2)
    assert "Broken are not finite (NaN or infinite) after T' = 2 steps" in str(caught.value)
    assert "first on sample 1 of TensorDataset, whose inputs are; look at" in str(caught.value)
