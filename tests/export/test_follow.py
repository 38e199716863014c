from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from spikedistill.conversion.twin import Balanced
from spikedistill.core.answers import Wanted, choose
from spikedistill.core.normalized import Normalized
from spikedistill.core.probe import Probe
from spikedistill.export.follow import follow, untold
from spikedistill.neurons.lif import LIF


def kinds(graph: nn.Module) -> list[str]:
    return [type(module).__name__ for module in graph.modules()][1:]


class Asks(nn.Module):
    """Its forward asks for a value."""

    def __init__(self) -> None:
        super().__init__()
        self.neuron = LIF()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.neuron(x) if float(x.sum()) > 0 else x


def test_what_only_training_needs_goes() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Dropout(), Probe(), nn.Identity(), nn.Linear(2, 2))
    graph, notes = follow(net)
    assert kinds(graph) == ["Conv2d", "Linear"] and not notes
    assert not any(parameter.requires_grad for parameter in graph.parameters())
    assert net.training and all(parameter.requires_grad for parameter in net.parameters())


def test_watchers_do_not_watch_the_copy() -> None:
    net, seen = nn.Sequential(nn.Linear(2, 2)), []
    net[0].register_forward_hook(lambda *_: seen.append(1))
    follow(net)[0](torch.ones(1, 2))
    assert not seen


def test_parametrised_weights_become_plain_ones() -> None:
    net = nn.Sequential(weight_norm(nn.Linear(3, 2)))
    graph, _ = follow(net)
    assert type(graph.get_submodule("0")) is nn.Linear
    x = torch.randn(2, 3)
    torch.testing.assert_close(graph(x), net(x))


def test_a_normalisation_and_a_threshold_become_gains() -> None:
    balanced = Balanced(LIF(v_threshold=2.0), 0.5)
    graph, _ = follow(Normalized(nn.Sequential(balanced), (0.5,), (0.25,)))
    assert "normalise" in dict(graph.named_modules())
    assert graph.get_submodule("network.0.scale").gain.tolist() == [4.0]
    x = torch.rand(3, 1, 2, 2)
    expected = balanced((x - 0.5) / 0.25)
    assert torch.equal(graph(x), expected) and 0 < expected.mean() < 1


def test_a_module_that_cannot_be_followed_is_named_and_kept() -> None:
    net = nn.Sequential(nn.Linear(2, 2), Asks())
    graph, notes = follow(net)
    assert len(notes) == 1 and notes[0].startswith("1 (Asks) stays as it is")
    assert untold(graph) == ["1"]
    graph, notes = follow(Asks())
    assert notes[0].startswith("the network itself (Asks)") and untold(graph) == ["network"]
    x = torch.full((2, 2), 3.0)
    assert torch.equal(graph(x), torch.ones(2, 2))


def test_of_several_outputs_only_the_chosen_one_is_computed() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.side, self.head = (nn.Linear(4, 4) for _ in range(3))

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            x = self.body(x)
            return self.side(x), self.head(x)

    net, inputs = Two(), torch.rand(2, 4)
    choose((inputs, torch.rand(2, 7)), Wanted(7), net)
    graph, _ = follow(net)
    assert torch.equal(graph(inputs), net(inputs)[1])
    assert [name for name, _ in graph.named_children()] == ["body", "head"]
