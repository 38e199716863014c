"""Time folded into the batch, and the stem computed once."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from spikedistill.core.errors import SpikedistillError
from spikedistill.core.over_time import OverTime, first_layers, run_folded, steps_asked
from spikedistill.neurons.lif import LIF


class Counting(nn.Conv2d):
    """A convolution that remembers how many images it saw."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = len(x)
        return super().forward(x)


def chain() -> nn.Sequential:
    return nn.Sequential(
        Counting(1, 3, 3, padding=1), nn.BatchNorm2d(3), LIF(),
        Counting(3, 4, 3, padding=1), LIF(), nn.Flatten(), nn.Linear(4 * 16, 5),
    )  # fmt: skip


class Bypass(nn.Module):
    """The raw stem goes round the neuron."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.fire = Counting(1, 3, 3, padding=1), LIF()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return (x + self.fire(x)).mean((2, 3))


class Branches(nn.Module):
    """Two neurons each take the stem; both expand, and their sum is whole."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.left, self.right = Counting(1, 3, 3, padding=1), LIF(), LIF(v_threshold=0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return (self.left(x) + self.right(x)).mean((2, 3))


@pytest.mark.parametrize("make", [chain, Bypass, Branches])
def test_computing_the_stem_once_changes_nothing(make):
    network = make().eval()
    images = torch.rand(1, 2, 1, 4, 4) * 2
    once = run_folded(network, images, 3, first_layers(network))
    repeated = run_folded(network, images.expand(3, -1, -1, -1, -1), 3)
    assert torch.equal(once, repeated)
    assert once.shape[:2] == (3, 2)


def test_the_stem_runs_once_where_every_path_passes_a_neuron():
    network = chain()
    assert OverTime(network, 4).first == (network[2],)
    OverTime(network, 4)(torch.rand(2, 1, 4, 4))
    assert (network[0].seen, network[3].seen) == (2, 8)


def test_the_stem_runs_every_step_where_a_path_goes_round_the_neuron():
    network = Bypass()
    assert OverTime(network, 4).first == ()
    OverTime(network, 4)(torch.rand(2, 1, 4, 4))
    assert network.stem.seen == 8


def test_frames_lead_with_the_batch_in_the_ordinary_module():
    network = chain().eval()
    samples = torch.rand(2, 3, 1, 4, 4) * 2  # B, T, C, H, W
    outputs = run_folded(network, samples.transpose(0, 1), 3)
    assert torch.equal(OverTime(network, 3)(samples), outputs.mean(0))
    assert torch.equal(OverTime(network, 1)(samples), OverTime(network, 1)(samples.mean(1)))
    with pytest.raises(SpikedistillError, match="have 3 time steps and the network was asked for"):
        OverTime(network, 4)(samples)


def test_inputs_with_time_of_their_own_are_not_expanded():
    network = chain()
    frames = torch.rand(3, 2, 1, 4, 4)
    assert OverTime(network).over_time(frames, 3).shape == (3, 2, 5)
    assert network[0].seen == 6


def test_an_untraceable_network_expands_at_its_input():
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fire = LIF()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fire(x) if x.sum() > 0 else self.fire(-x)

    network = Branching()
    assert first_layers(network) == ()
    assert run_folded(network, torch.rand(1, 2, 3), 4).shape == (4, 2, 3)


def test_no_state_outlives_a_forward():
    network = OverTime(chain().eval(), 3)
    images = torch.rand(2, 1, 4, 4)
    assert torch.equal(network(images), network(images))
    assert all(m.timesteps == 1 for m in network.modules() if isinstance(m, LIF))


def test_a_wrong_number_of_steps_is_refused():
    with pytest.raises(
        SpikedistillError, match="inputs have 3 time steps and the network was asked"
    ):
        OverTime(chain()).over_time(torch.rand(3, 2, 1, 4, 4), 2)
    with pytest.raises(SpikedistillError, match="at least one time step"):
        OverTime(chain(), 0)


class Scored(nn.Module):
    """Takes two inputs by name and returns two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.fire = nn.Linear(3, 4), LIF(v_threshold=0.3)
        nn.init.constant_(self.linear.weight, 0.3)

    def forward(self, mask: torch.Tensor, x: torch.Tensor) -> dict[str, torch.Tensor]:
        spikes = self.fire(self.linear(x)) * mask.unsqueeze(-1)
        return {"spikes": spikes, "sum": spikes.sum(-1)}


def test_inputs_and_outputs_may_be_several_by_name():
    network = Scored().eval()
    x, mask = torch.rand(3, 2, 3), torch.tensor([[True, False]])
    # frames of x, and one mask for all steps
    found = run_folded(network, {"x": x, "mask": mask}, 3)
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "spikes": (3, 2, 4), "sum": (3, 2),
    }  # fmt: skip
    alone = run_folded(network, {"x": x, "mask": mask.expand(3, 2)}, 3)
    assert torch.equal(found["spikes"], alone["spikes"]) and found["spikes"].sum() > 0
    assert found["sum"][:, 1].sum() == 0
    ordinary = OverTime(network, 3)(x=x[0], mask=mask[0])
    again = run_folded(network, {"x": x[:1], "mask": mask}, 3)
    assert torch.equal(ordinary["sum"], again["sum"].mean(0))


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            lambda x: [[x], x],
            "returns a list of list, Tensor, of which it is not clear",
        ),
        (lambda x: x[:1], r"returns \[1, 3\] for 2 samples at T = 4; expected are 8 rows, one for"),
        (lambda x: x.sum(), r"returns \[\] for 2 samples at T = 4"),
        (lambda x: {"a": x, "b": x[:2]}, r"returns \[2, 3\] for 2 samples"),
    ],
)
def test_what_no_network_may_return(answer, sentence):
    class Odd(nn.Module):
        def forward(self, x):
            return answer(x)

    with pytest.raises(SpikedistillError, match=sentence):
        run_folded(Odd(), torch.rand(1, 2, 3), 4)


class RunAgain(nn.Module):
    """Runs its middle a second time in the backward pass."""

    def __init__(self, **how: bool) -> None:
        super().__init__()
        self.stem, self.how = nn.Linear(3, 6), how
        self.middle = nn.Sequential(LIF(), nn.Linear(6, 6))
        self.fire, self.head = LIF(), nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = 3 * self.stem(x)
        x = checkpoint(self.middle, x, **self.how) if self.how else self.middle(x)
        return self.head(self.fire(x))


@pytest.mark.parametrize("reentrant", [False, True])
def test_what_runs_again_in_the_backward_pass_sees_the_same_time(reentrant: bool) -> None:
    plain, again = RunAgain(), RunAgain(use_reentrant=reentrant)
    again.load_state_dict(plain.state_dict())
    inputs = torch.randn(1, 5, 3)
    for network in (plain, again):
        short = run_folded(network, inputs, 2)  # two runs of one network, each with its own T
        long = run_folded(network, inputs, 4, first_layers(network) if network is plain else ())
        (short.pow(2).mean() + long.pow(2).mean()).backward()
        assert network.fire.timesteps == 1
    for name, parameter in plain.named_parameters():
        assert torch.allclose(again.get_parameter(name).grad, parameter.grad, atol=1e-6), name
    assert float(plain.middle[1].weight.grad.abs().sum()) > 0


def test_steps_that_are_asked_for_are_counts():
    assert steps_asked(None, 4) == 4 and steps_asked(1, 4) == 1
    for wrong in (0, -1):
        with pytest.raises(SpikedistillError, match=f"at least 1, and {wrong} was given"):
            OverTime(chain(), 2).over_time(torch.rand(1, 2, 1, 4, 4), wrong)
