"""A network meets the data: what is put right, what is said, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from spikedistill.build.meet import check_neurons, meet, said_frozen
from spikedistill.core.answers import Wanted
from spikedistill.core.errors import SpikedistillError
from spikedistill.core.over_time import OverTime
from spikedistill.neurons.lif import LIF

IMAGES = torch.rand(5, 3, 8, 8)


def ann() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 6))


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = ann()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.inner(x), x


def said(network: nn.Module, timesteps: int = 1, trained: bool = True) -> list[str]:
    sentences: list[str] = []
    width = meet("teacher", network, IMAGES, timesteps, trained, sentences.append)
    assert width == 6
    return sentences


def test_an_ordinary_network_needs_no_word() -> None:
    assert said(ann()) == []
    assert said(nn.Sequential(*ann()[:1], LIF(), *ann()[2:]), timesteps=3) == []


def test_which_output_is_taken_is_said() -> None:
    assert said(Pair()) == ["teacher: its logits are the first of 2 outputs, [N, 6]"]


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_it_is_run_in_single_precision(kind: torch.dtype) -> None:
    network = ann().to(kind)
    word = str(kind).removeprefix("torch.")
    assert said(network) == [f"teacher comes in {word}; it is run in float32"]
    assert {value.dtype for value in network.parameters()} == {torch.float32}


def test_probabilities_are_warned_of() -> None:
    (warning,) = said(nn.Sequential(ann(), nn.Softmax(1)))
    assert warning.startswith("warning: the outputs of teacher are probabilities")
    assert "take off the softmax" in warning
    assert said(nn.Sequential(ann(), nn.LogSoftmax(1))) == []
    assert said(nn.Sequential(ann(), nn.Sigmoid())) == []
    assert said(nn.Sequential(ann(), nn.Softmax(1)), trained=False) == []


def broken() -> nn.Sequential:
    network = ann()
    with torch.no_grad():
        network[3].weight[0, :2] = torch.nan
    return network


class Overflows(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :6] / 0


class OneRow(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(0).flatten()[:6]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (broken, "has 2 NaN among its weights '3.weight'; its training broke down"),
        (Overflows, "answers the first samples with values that are not finite"),
        (OneRow, r"returns \[6\] for 4 samples at T = 1; expected are 4 rows"),
        (lambda: nn.Conv2d(1, 6, 3), "is made for 1 channels and gets 3"),
    ],
)
def test_what_cannot_teach_is_refused(make: Callable[[], nn.Module], sentence: str) -> None:
    with pytest.raises(SpikedistillError, match=sentence):
        meet("teacher", make(), IMAGES)


def test_what_is_frozen_is_said() -> None:
    network = ann()
    assert said_frozen("student", network) == ""
    network[3].weight.requires_grad_(False)
    assert said_frozen("student", network).startswith(
        "student: 1 of its 4 parameters (864 numbers) are frozen (requires_grad=False)"
    )
    network.requires_grad_(False)
    with pytest.raises(SpikedistillError, match="is to learn, and all its 4 parameters are frozen"):
        said_frozen("student", network)


def test_a_student_needs_neurons() -> None:
    check_neurons("student", nn.Sequential(LIF()))
    with pytest.raises(SpikedistillError, match=r"no neurons.*spikedistill.spiking_twin\(network"):
        check_neurons("student", ann())


class InLists(nn.Module):
    """Keeps its convolution, or its activation, in a list of Python."""

    def __init__(self, hidden: nn.Module, registered: bool = False) -> None:
        super().__init__()
        self.steps = [hidden]
        self.known = hidden if registered else None
        self.head = nn.Linear(192, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.steps[0](x).flatten(1))


def test_layers_that_torch_does_not_know_of_are_refused() -> None:
    with pytest.raises(SpikedistillError, match=r"calls 1 modules that torch does not know of.*"
                       r"steps\[0\], a Conv2d\).*keep them in an nn.ModuleList"):  # fmt: skip
        said(InLists(nn.Conv2d(3, 3, 1)))
    assert said(InLists(nn.Conv2d(3, 3, 1), registered=True)) == []
    assert said(InLists(nn.ReLU())) == []  # it has nothing to learn, and nothing is lost


def test_neurons_that_a_network_does_not_call_are_found_out() -> None:
    network = InLists(nn.ReLU(), registered=True)
    network.known = LIF()
    with pytest.raises(SpikedistillError, match=r"steps\[0\], a ReLU.* nor made spiking"):
        said(network)
    network.steps = [torch.relu]
    with pytest.raises(SpikedistillError, match="has 1 layers of neurons, and its forward calls"):
        said(network)


def test_layers_without_a_size_are_refused() -> None:
    with pytest.raises(SpikedistillError, match=r"2 parameters without a size \(the first: '1.we"):
        said(nn.Sequential(nn.Flatten(), nn.LazyLinear(6)))


class Chooses(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1).argmax(1)


def test_classes_that_are_chosen_already_are_refused() -> None:
    with pytest.raises(SpikedistillError, match=r"answers with torch.int64.* before argmax"):
        said(Chooses())


class EmbeddingFirst(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Flatten(), nn.Linear(192, 9)), nn.Linear(9, 6)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.body(x)
        return hidden, self.head(hidden)


def test_the_output_with_the_classes_of_the_data_is_the_answer_wherever_it_is_run() -> None:
    network, sentences = EmbeddingFirst(), []
    assert meet("teacher", network, IMAGES, say=sentences.append, wanted=Wanted(6)) == 6
    assert sentences == ["teacher: its logits are number 2 of 2 outputs, [N, 6]"]
    assert OverTime(network)(IMAGES).shape == (5, 6)
    with pytest.raises(SpikedistillError, match=r"number 2 \[N, 6\]\), of which it is not clear"):
        meet("teacher", network, IMAGES, wanted=Wanted(5))


@pytest.mark.filterwarnings("ignore")
def test_a_script_is_tried_like_any_network() -> None:
    script = torch.jit.trace(ann().eval(), IMAGES)
    assert meet("teacher", script, IMAGES, wanted=Wanted(6)) == 6
    with pytest.raises(SpikedistillError, match=r"does not take the data.*to have 3 channels, but"):
        meet("teacher", script, IMAGES[:, :2])


def test_inputs_that_are_no_numbers_are_not_the_fault_of_the_network() -> None:
    inputs = IMAGES.clone()
    inputs[2, 0, 0, 0] = torch.nan
    with pytest.raises(SpikedistillError, match="sample 2 of the example on which Sequential"):
        meet("teacher", ann(), inputs)
